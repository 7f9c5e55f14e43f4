//! Parses JSON, and rejects duplicate member names (RFC 7519 section 4), because parsers interpret duplicates
//! differently (RFC 8259 section 4).

use central_oauth_domain::workload::{Rule, WorkloadRefusal};
use central_oauth_wire::unambiguous;
use serde_json::{Map, Value};

pub(super) fn object(
    bytes: &[u8],
    part: &'static str,
) -> Result<Map<String, Value>, WorkloadRefusal> {
    match unambiguous(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(malformed(part)),
        Err(error) if error.is_data() => {
            let detail = format!("the token's {part} has two members of one name");
            Err(WorkloadRefusal::new(Rule::Members, detail))
        }
        Err(_) => Err(malformed(part)),
    }
}

fn malformed(part: &str) -> WorkloadRefusal {
    WorkloadRefusal::new(
        Rule::Form,
        format!("the token's {part} is not a JSON object"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_members_of_one_name_are_refused_at_any_depth() {
        let rule = |text: &str| object(text.as_bytes(), "payload").map_err(|refusal| refusal.rule);
        for text in [
            r#"{"sub":"a","sub":"a"}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"\u0062":2}]}"#,
        ] {
            assert_eq!(rule(text), Err(Rule::Members), "{text}");
        }
        let deep = format!("{}{}", r#"{"a":"#.repeat(1000), "}".repeat(1000));
        for text in ["", "[]", "\"eyJ\"", "{} {}", "{", &deep] {
            assert_eq!(rule(text), Err(Rule::Form), "{text}");
        }
        let all = r#"{"a":[true,null,-1,18446744073709551615,1.5,"x"],"b":{"a":1}}"#;
        let expected: Value = serde_json::from_str(all).expect("JSON");
        assert_eq!(rule(all).map(Value::Object), Ok(expected));
    }
}
