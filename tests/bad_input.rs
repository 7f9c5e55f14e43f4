//! The real binary against everything that it did not ask for: a provider that breaks at every stage of a link, clients
//! and browsers that send nonsense, guessers, crashes in between.
//!
//! Whatever happens, the service stays healthy, says so in its log, loses no tokens, and neither its log nor its
//! database shows a secret: see `scene::Scene::end`.
#![allow(clippy::unwrap_used)]

mod support;

mod bad_input {
    mod api;
    mod crashes;
    mod harm;
    mod limits;
    mod operators;
    mod outages;
    mod page;
    mod person;
    mod provider;
    mod raw;
    mod refusals;
    mod scene;
    mod traces;
    mod trouble;
}
