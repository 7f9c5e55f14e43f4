//! The HTTP interface: JSON API, OpenAPI document, Swagger UI and the pages at `/device` and `/admin`.
//!
//! # Modules
//!
//! | module | what it does |
//! | --- | --- |
//! | `app` | assembles routes and middleware |
//! | `api` | the operations, one file per resource |
//! | `dto` | wire types, and their conversion from and to the domain's types |
//! | `error` | the table from refusals to problem codes and statuses |
//! | `failure` | documents the problems of each operation |
//! | `auth`, `body`, `head`, `address` | read the key, the body, `HEAD` and the client address of a request |
//! | `presented` | records refused requests with the JWT of a workload |
//! | `host`, `origin` | refuse requests that a browser sends for a foreign web page |
//! | `server` | answers the requests of each connection |
//! | `connections` | limits the number of connections, and how long each may be silent |
//! | `tls` | TLS with the service's own certificate, for services without a proxy |
//! | `middleware` | limits, headers, error responses and log lines of all requests |
//! | `requests`, `scrape` | the observer of requests, and `/metrics` |
//! | `spec`, `docs` | the OpenAPI document and Swagger UI |
//! | `pages` | the pages at `/device` and `/admin` |
//! | `operator_details` | the operator's name, contact and logo, which the pages show |
//! | `waiting` | the responses until the service can open its database |
//!
//! To add an operation, write a method in a file of `api`, its wire types in `dto`, and its problems next to the
//! method. `CONTRIBUTING.md` explains how to document it.

mod address;
mod api;
mod app;
mod auth;
mod body;
mod connections;
mod docs;
mod dto;
mod error;
mod failure;
mod head;
mod host;
mod middleware;
mod operator_details;
mod origin;
mod pages;
mod presented;
mod requests;
mod scrape;
mod serialized;
mod server;
mod spec;
mod tls;
mod waiting;

pub use app::{HttpSettings, app};
pub use operator_details::{Contact, Logo, LogoError, NoContact, OperatorDetails};
pub use requests::{Answered, Requests};
pub use scrape::metrics_app;
pub use server::serve;
pub use spec::{spec_json, spec_yaml};
pub use tls::{Certificate, CertificateError, TlsAcceptor, TlsStream};
pub use waiting::waiting_app;
