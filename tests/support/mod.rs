//! What the whole-system tests share: real servers, a real browser, the real binary.
//!
//! | module | what it starts or does |
//! | --- | --- |
//! | [`oidc`] | a certified OpenID Connect provider |
//! | [`bao`] | OpenBao, and other servers of one program |
//! | [`softhsm`] | a PKCS#11 token in files |
//! | [`allauth`] | an authorization server of other authors |
//! | [`browser`] | Chromium, with and without JavaScript |
//! | [`prometheus`] | Prometheus, and its tool |
//! | [`collector`] | an OTLP collector |
//! | [`service`] | the service itself |
//! | [`sandbox`] | the sandbox as a provider at which no person has to act |
//! | [`linking`] | links an account without a browser |
//! | [`accounts`] | shows and refreshes accounts |
//! | [`tokens`] | asks the service for tokens and uses them at the sandbox |
//! | [`http`] | requests as a program makes them |
//! | [`process`] | children that end with their test, and time limits |
//!
//! What is missing on a machine, `tests/fixtures/install` installs. Everything here panics with the reason when it
//! fails, and nothing waits for ever.

pub(crate) mod accounts;
pub(crate) mod allauth;
pub(crate) mod bao;
pub(crate) mod browser;
pub(crate) mod collector;
pub(crate) mod http;
pub(crate) mod issuer;
pub(crate) mod linking;
pub(crate) mod oidc;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod sandbox;
pub(crate) mod service;
pub(crate) mod softhsm;
pub(crate) mod tokens;
