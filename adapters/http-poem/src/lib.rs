//! The HTTP surface: the JSON API, its OpenAPI document, Swagger UI and the page at `/device`.
//!
//! # The map
//!
//! | module | what it does |
//! | --- | --- |
//! | `app` | puts routes and middleware together |
//! | `api` | the operations, one file a resource |
//! | `dto` | what goes over the wire, made from the domain's types |
//! | `error` | the one table from refusals to problem codes and statuses |
//! | `failure` | how an operation's refusals come into the OpenAPI document |
//! | `auth`, `body`, `address` | who asks, what they send, where they are |
//! | `connections` | the bounds of connections: how many, and how long they may be silent |
//! | `middleware` | what holds for every request and every answer |
//! | `requests`, `scrape` | who keeps count of requests, and where counts are read |
//! | `spec`, `docs` | the OpenAPI document and Swagger UI |
//! | `pages` | the page at `/device` |
//!
//! A new operation is a method in a file of `api`, its wire types in `dto`, and what it can refuse beside it; then
//! print the document anew (see `openapi/README.md`).

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
mod middleware;
mod pages;
mod requests;
mod scrape;
mod spec;

pub use app::{HttpSettings, app, watched_app};
pub use connections::{Connections, GuardedAcceptor, GuardedStream};
pub use requests::{Answered, Requests};
pub use scrape::metrics_app;
pub use spec::{spec_json, spec_yaml};
