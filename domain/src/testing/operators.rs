//! Operators whose keys have no name.

use crate::audit::Actor;
use crate::operator::{OperatorName, OperatorRole};
use crate::usecases::Caller;

impl Caller {
    /// The holder of an unnamed admin key.
    pub const ADMIN: Self = Self::Admin(OperatorName::of_role(OperatorRole::Admin));
    /// The holder of an unnamed auditor key.
    pub const AUDITOR: Self = Self::Auditor(OperatorName::of_role(OperatorRole::Auditor));
    /// The holder of an unnamed enrolment key.
    pub const ENROLLER: Self = Self::Enroller(OperatorName::of_role(OperatorRole::Enroll));
}

impl Actor {
    /// The holder of an unnamed admin key.
    pub const ADMIN: Self = Self::Operator(
        OperatorRole::Admin,
        OperatorName::of_role(OperatorRole::Admin),
    );
}
