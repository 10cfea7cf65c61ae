//! jq expressions, so that scripts need no second program.

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::Val;

use super::failure::Failure;

/// Definitions and functions are those of the jq language that need neither files nor input.
type Program = jaq_core::Filter<data::JustLut<Val>>;

/// A compiled expression.
pub(super) struct Jq(Program);

impl Jq {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn new(expression: &str) -> Result<Self, Failure> {
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(defs).load(&arena, File { code: expression, path: () });
        let invalid = || Failure::Usage(format!("--jq: '{expression}' is no jq expression"));
        let modules = modules.map_err(|_| invalid())?;
        let compiled = Compiler::default().with_funs(funs).compile(modules);
        let undefined = |errors: jaq_core::compile::Errors<&str, ()>| {
            let names = errors.iter().flat_map(|(_, errors)| errors).map(|(name, _)| *name).collect::<Vec<_>>();
            Failure::Usage(format!("--jq: not defined: {}", names.join(", ")))
        };
        Ok(Self(compiled.map_err(undefined)?))
    }

    /// What the expression makes of a JSON text: texts as they are, all else as compact JSON.
    ///
    /// # Errors
    /// When the text is no JSON, or the expression fails on it.
    pub(super) fn lines(&self, json: &[u8]) -> Result<Vec<String>, Failure> {
        let failed = |what: String| Failure::Other(anyhow::anyhow!("--jq: {what}"));
        let value =
            jaq_json::read::parse_single(json).map_err(|err| failed(format!("the answer is no JSON: {err}")))?;
        let context = Ctx::<data::JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        let values = self.0.id.run((context, value)).map(unwrap_valr);
        let line = |value: Val| match &value {
            Val::TStr(text) | Val::BStr(text) => String::from_utf8_lossy(text).into_owned(),
            Val::Null | Val::Bool(_) | Val::Num(_) | Val::Arr(_) | Val::Obj(_) => value.to_string(),
        };
        values.map(|value| value.map(line).map_err(|err| failed(err.to_string()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_plain_and_the_rest_as_json() {
        let lines = |expression: &str, json: &str| Jq::new(expression).unwrap().lines(json.as_bytes()).unwrap();
        assert_eq!(lines(".[].name", r#"[{"name":"a\nb"},{"name":null}]"#), ["a\nb", "null"]);
        assert_eq!(lines("map(.n) | add", r#"[{"n":1},{"n":2.5}]"#), ["3.5"]);
        assert_eq!(lines("{a: .b, c: [1]}", r#"{"b":"x"}"#), [r#"{"a":"x","c":[1]}"#]);
        assert!(lines("empty", "{}").is_empty());
        assert_eq!(lines(r#".[] | select(.on | test("^x")) | @base64"#, r#"[{"on":"xy"}]"#).len(), 1);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let usage = |expression: &str| Jq::new(expression).err().unwrap().to_string();
        assert_eq!(usage(".["), "--jq: '.[' is no jq expression");
        assert_eq!(usage("nope"), "--jq: not defined: nope");
        let jq = Jq::new(".a").unwrap();
        assert!(jq.lines(b"<html>").is_err());
        assert!(jq.lines(b"[1]").unwrap_err().to_string().starts_with("--jq: cannot index"));
    }
}
