//! Protects the memory of the service, which holds keys and tokens, from other programs of the same user.

/// Prevents other programs of the same user from attaching a debugger, and prevents core dumps. Does nothing on other
/// systems than Linux.
pub(crate) fn protect() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let protected = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        if let Err(error) = protected {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "other programs of this user can read the memory of the service"
            );
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    #[test]
    fn memory_is_not_dumped() {
        super::protect();
        let behavior = dumpable_behavior().unwrap();
        assert_eq!(behavior, DumpableBehavior::NotDumpable);
    }
}
