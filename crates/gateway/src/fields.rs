//! The fields of a request of images or audio: those of an object, or the parts of a form.
//!
//! Never guesses: what readers could take for different things is refused (`fields_are_read_in_one_way`).

use std::borrow::Cow;

use crate::body::Object;
use crate::multipart::Form;

/// The fields of a request.
#[derive(Debug)]
pub(crate) enum Fields<'a> {
    Json(Object<'a>),
    Form(Form<'a>),
}

/// How forms write that something is so, or not.
const YES: [&str; 6] = ["true", "1", "yes", "on", "t", "y"];
const NO: [&str; 7] = ["false", "0", "no", "off", "f", "n", ""];

impl<'a> Fields<'a> {
    /// A text, unless it is missing or null.
    ///
    /// # Errors
    /// If it is something else, or stands twice.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, String> {
        match self {
            Self::Json(object) => match object.raw(name) {
                None | Some("null") => Ok(None),
                Some(raw) => text(raw).map(Some).ok_or_else(|| format!("`{name}` is not a text")),
            },
            Self::Form(form) => Ok(form.text(name)?.map(Cow::Borrowed)),
        }
    }

    /// A whole number, unless it is missing.
    ///
    /// # Errors
    /// If it is something else, or stands twice.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, String> {
        match self {
            Self::Json(object) => object.get(name),
            Self::Form(form) => {
                let Some(text) = form.text(name)? else { return Ok(None) };
                let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                let number = digits.and_then(|digits| digits.parse().ok());
                number.map(Some).ok_or_else(|| format!("`{name}` is not a whole number"))
            }
        }
    }

    /// Whether something is so, unless it is missing.
    ///
    /// # Errors
    /// If it is something else, or stands twice.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        match self {
            Self::Json(object) => object.get(name),
            Self::Form(form) => {
                let Some(text) = form.text(name)? else { return Ok(None) };
                let is = |list: &[&str]| list.iter().any(|one| one.eq_ignore_ascii_case(text));
                match (is(&YES), is(&NO)) {
                    (true, _) => Ok(Some(true)),
                    (_, true) => Ok(Some(false)),
                    _ => Err(format!("`{name}` is neither true nor false")),
                }
            }
        }
    }
}

/// A text of JSON.
fn text(raw: &str) -> Option<Cow<'_, str>> {
    let crate::body::Key(text) = serde_json::from_str(raw).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::Fields;
    use crate::body::Object;
    use crate::multipart::Form;

    #[test]
    fn fields_are_read_in_one_way() {
        let json = r#"{"n":2,"stream":true,"size":"1\u0032x8","none":null,"wrong":[1]}"#;
        let part = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let form: String = [
            part("n", "2"),
            part("stream", "True"),
            part("size", "12x8"),
            part("wrong", "+3"),
            part("twice", "1"),
            part("twice", "1"),
            "--b--".into(),
        ]
        .concat();
        let json = Fields::Json(Object::parse(json).expect("an object"));
        let form = Fields::Form(Form::parse("b", form.as_bytes()).expect("a form"));
        for fields in [&json, &form] {
            assert_eq!(fields.number("n"), Ok(Some(2)));
            assert_eq!(fields.flag("stream"), Ok(Some(true)));
            assert_eq!(fields.text("size").expect("a text").as_deref(), Some("12x8"));
            assert_eq!(
                (fields.text("none"), fields.number("none"), fields.flag("none")),
                (Ok(None), Ok(None), Ok(None))
            );
            assert!(fields.number("wrong").is_err() && fields.flag("wrong").is_err());
        }
        assert!(json.text("wrong").is_err() && json.text("n").is_err());
        assert!(form.text("twice").is_err() && form.number("twice").is_err() && form.flag("twice").is_err());
    }
}
