//! Which callers each operation on accounts, keys and records rejects.

use poem::http::Method;
use serde_json::json;

use crate::support::{ADMIN, Person, World};

const ENROLL: &str = "enroll-me";

/// The callers, in the order of the columns below.
const CALLERS: [&str; 7] = [
    "nobody",
    "an unknown key",
    "the enrolment key",
    "a key whose link is pending",
    "a reader",
    "the owner of another account",
    "the owner",
];

/// The status with which an operation rejects each caller, or 0 if it accepts the caller.
type Refusals = [u16; 7];

const BY_ANY_KEY: Refusals = [401, 401, 403, 409, 0, 0, 0];
const BY_KEYS_OF_THE_ACCOUNT: Refusals = [401, 401, 403, 409, 0, 404, 0];
const BY_OWNERS: Refusals = [401, 401, 403, 409, 403, 404, 0];
const BY_OPERATORS: Refusals = [401, 401, 403, 409, 403, 403, 403];

const OPERATIONS: [(Method, &str, Refusals); 10] = [
    (Method::GET, "token", BY_ANY_KEY),
    (Method::GET, "accounts", BY_ANY_KEY),
    (Method::GET, "accounts/ID", BY_KEYS_OF_THE_ACCOUNT),
    (Method::DELETE, "accounts/ID", BY_OWNERS),
    (Method::POST, "accounts/ID/refresh", BY_OWNERS),
    (Method::GET, "accounts/ID/keys", BY_OWNERS),
    (Method::POST, "accounts/ID/keys", BY_OWNERS),
    (Method::DELETE, "accounts/ID/keys/KEY", BY_OWNERS),
    (Method::GET, "revocations", BY_OPERATORS),
    (Method::GET, "audit", BY_OPERATORS),
];

const fn code(status: u16) -> &'static str {
    match status {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        _ => "link_pending",
    }
}

impl World {
    async fn enrolled(&self) -> (String, String) {
        let started = self.post("/v1/link-code").key(ENROLL).send().await;
        (started.text_at("link_code"), started.text_at("access_key"))
    }

    async fn linked_by(&self, person: u32) -> String {
        let (code, key) = self.enrolled().await;
        self.consent(&code, Person::Agrees(person)).await;
        key
    }
}

#[tokio::test]
async fn each_operation_refuses_those_who_may_not() {
    let world = World::with(|options| options.enroll_key = Some(ENROLL)).await;
    let (owner, other) = (world.linked_by(1).await, world.linked_by(2).await);
    let id = world.account_of(&owner).await;
    let (key_id, reader) = world.reader(&id, "reader").await;
    let (_, pending) = world.enrolled().await;
    let keys = [
        "",
        "coak_guessed",
        ENROLL,
        &pending,
        &reader,
        &other,
        &owner,
    ];
    for (method, path, refusals) in OPERATIONS {
        let path = path.replace("ID", &id).replace("KEY", &key_id);
        for ((caller, key), status) in CALLERS.iter().zip(keys).zip(refusals) {
            if status == 0 {
                continue;
            }
            let mut call = world.call(method.clone(), &format!("/v1/{path}"));
            if !key.is_empty() {
                call = call.key(key);
            }
            if method == Method::POST {
                call = call.json(&json!({"name": "x"}));
            }
            let answer = call.send().await;
            assert_eq!(answer.status, status, "{method} {path} by {caller}");
            answer.assert_problem(status, code(status));
        }
    }
    // The rejected requests have changed nothing.
    world.get("/v1/token").key(&reader).send().await.assert(200);
    let list = world.get("/v1/revocations").key(ADMIN).send().await;
    assert_eq!(list.body, json!({"items": []}));
}
