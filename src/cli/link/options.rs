use std::io::IsTerminal;

use central_oauth_domain::Label;

use crate::cli::Exit;
use crate::cli::choice::id;
use crate::cli::client::Role;
use crate::cli::help::Notes;
use crate::cli::keys::time;
use crate::cli::label;
use crate::cli::profile::Target;
use crate::cli::token::host;
use crate::cli::workload::Workload;

const NOTES: Notes = Notes::of(&[
    "central-oauth link --server https://auth.example.com",
    "central-oauth link --profile work --provider github --host github.com",
    "central-oauth link --label team=billing --label host=db1",
    "central-oauth link --relink",
    "central-oauth link --relink --account 42",
    "central-oauth link --return-code",
    "central-oauth link --json --no-browser",
    "central-oauth link --workload --server https://auth.example.com",
])
.text("The address and the code go to standard error. Give them to a person who has the account.")
.exits(&[
    Exit::NoKey,
    Exit::Denied,
    Exit::Expired,
    Exit::LinkFailed,
    Exit::Unavailable,
])
.variables(&[
    "SERVER",
    "ACCESS_KEY",
    "ADMIN_KEY",
    "ENROLL_KEY",
    "ID_TOKEN",
    "NO_COLOR",
    "BROWSER",
]);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) workload: Workload,
    /// The name of the provider at the service. Required if the service has several providers and none is the default.
    #[arg(long, value_name = "NAME")]
    pub(super) provider: Option<String>,
    /// The name of this program that the person sees on the page [default: "central-oauth on" and the name of this
    /// machine].
    #[arg(long, value_name = "NAME")]
    pub(super) client_name: Option<String>,
    /// Consent again for the account of the saved access key. The key stays the same.
    #[arg(long)]
    pub(super) relink: bool,
    /// Ask the person of this account to consent again. Needs the admin key in CENTRAL_OAUTH_ADMIN_KEY.
    #[arg(
        long,
        value_name = "ID",
        value_parser = id,
        requires = "relink",
        conflicts_with_all = ["workload", "profile", "key_file", "provider", "client_name", "labels", "return_code"]
    )]
    pub(super) account: Option<String>,
    /// What the access key may do [default: owner].
    #[arg(long, value_name = "ROLE", conflicts_with = "relink")]
    pub(super) role: Option<Role>,
    /// When the access key expires, such as 2027-01-31T00:00:00Z [default: never].
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "relink")]
    pub(super) key_expires_at: Option<String>,
    /// Replace a saved access key that still works.
    #[arg(long, conflicts_with = "relink")]
    pub(super) force: bool,
    /// Allow `token --format git`, `docker` and `kubectl` to give tokens to this host. Saved with the key. Can be
    /// repeated.
    #[arg(long = "host", value_name = "HOST", value_parser = host, conflicts_with = "relink")]
    pub(super) hosts: Vec<String>,
    /// Give the account this label, so that the operator can find it. Can be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label::chosen)]
    pub(super) labels: Vec<Label>,
    /// Ask for a return code: after the consent, the page shows a code, which you type here to complete the link. Protects
    /// against people who talk you into confirming their link. The service can require it of all programs.
    #[arg(long)]
    pub(super) return_code: bool,
    /// Do not open a web browser.
    #[arg(long)]
    pub(super) no_browser: bool,
    /// When to draw the URL as a QR code.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(super) qr: When,
    /// Print the link code and then the result on standard output, each as one line of JSON, for CI. A return code is read
    /// from standard input, one line for each `confirming` event.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum When {
    /// If standard error is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl When {
    pub(super) fn is_now(self) -> bool {
        match self {
            Self::Auto => std::io::stderr().is_terminal(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}
