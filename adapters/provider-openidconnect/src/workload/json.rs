//! JSON without duplicate member names, which parsers interpret differently (RFC 8725 section 2.4, RFC 8259 section 4).

use std::fmt;

use central_oauth_domain::workload::{Rule, WorkloadRefusal};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The start of the error for a duplicate member.
const REPEATED: &str = "duplicate member";

/// Parses a JSON object.
pub(super) fn object(
    bytes: &[u8],
    part: &'static str,
) -> Result<Map<String, Value>, WorkloadRefusal> {
    match serde_json::from_slice(bytes) {
        Ok(Unique(Value::Object(members))) => Ok(members),
        Ok(_) => Err(malformed(part)),
        Err(error) if error.to_string().starts_with(REPEATED) => {
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

/// A value in which no object has duplicate members.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Unrepeated).map(Self)
    }
}

struct Unrepeated;

impl<'de> Visitor<'de> for Unrepeated {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Unique(value))) = members.next_entry::<String, Unique>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom(REPEATED));
            }
        }
        Ok(object.into())
    }
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
