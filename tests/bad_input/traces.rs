//! Data that remains on the disk.

use std::path::Path;

use super::scene::CLIENT_NAME;

/// Looks for secrets in all files of the service: its log, its database, the write-ahead log.
pub(super) fn expect_none(folder: &Path, secrets: &[String]) {
    let mut seen_name = false;
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        // Secrets are ASCII, so the lossy conversion keeps them, whatever bytes surround them.
        let text = String::from_utf8_lossy(&bytes);
        for secret in secrets {
            assert!(secret.len() >= 8, "{secret:?} would be found anywhere");
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret:?} is in {}", path.display());
        }
        files += 1;
        let is_database = path.to_string_lossy().contains(".sqlite3");
        seen_name |= is_database && text.contains(CLIENT_NAME);
    }
    assert!(files >= 2, "a log and a database at the least");
    // Text that is not secret is found, so secrets would be found too.
    assert!(seen_name, "{CLIENT_NAME:?} is nowhere in the database");
}

#[test]
#[should_panic(expected = "\"coak_secret\" is in")]
fn a_secret_is_found_among_other_bytes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("service.log"), "all is well").unwrap();
    let row = [&b"\0\xff"[..], CLIENT_NAME.as_bytes(), b"\0coak_secret\xfe"].concat();
    std::fs::write(folder.path().join("a.sqlite3-wal"), row).unwrap();
    expect_none(folder.path(), &["coak_secret".to_owned()]);
}
