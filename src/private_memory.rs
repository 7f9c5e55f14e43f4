//! Keeps the memory of the service, which holds keys and tokens, from other programs of the same user.

/// Forbids debuggers of the same user, and dumps after a crash. Only Linux has this; elsewhere nothing changes.
pub(crate) fn keep() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let kept = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        if let Err(error) = kept {
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
        super::keep();
        let behavior = dumpable_behavior().unwrap();
        assert_eq!(behavior, DumpableBehavior::NotDumpable);
    }
}
