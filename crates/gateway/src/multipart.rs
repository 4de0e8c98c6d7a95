//! Forms of several parts (RFC 7578), read in place and edited in one.
//!
//! F1 a form that another reader of RFC 2046 might read otherwise is refused: what is decided is what the upstream reads
//! (`a_form_that_may_be_read_otherwise_is_refused`). F2 all bytes but the value of the model pass unchanged
//! (`a_form_keeps_its_bytes_but_for_the_model`). F3 parts and their headers are bounded (`a_form_is_bounded`).

use std::ops::Range;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use memchr::memmem;

/// The most parts of a form.
const PARTS_MAX: usize = 1_024;
/// The headers of a part: their bytes, and how many.
const HEAD_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 16;
/// The longest boundary, by RFC 2046.
const BOUNDARY_MAX: usize = 70;

/// A form.
#[derive(Debug)]
pub(crate) struct Form<'a> {
    body: &'a [u8],
    parts: Vec<Part<'a>>,
}

/// A part of a form.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) name: &'a str,
    pub(crate) is_file: bool,
    /// Its headers, as they came.
    pub(crate) head: &'a [u8],
    /// The place of its content in the body.
    at: Range<usize>,
    pub(crate) content: &'a [u8],
}

/// The boundary of a form, if that is what the headers say the body is.
pub(crate) fn boundary(headers: &HeaderMap) -> Result<Option<&str>, String> {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let (first, second) = (kinds.next(), kinds.next());
    if second.is_some() {
        return Err("`content-type` stands twice".into());
    }
    let Some(kind) = first else { return Ok(None) };
    let kind = kind.to_str().map_err(|_| "`content-type` has a character that it cannot have")?;
    let (media, rest) = kind.split_at(kind.find(';').unwrap_or(kind.len()));
    if !media.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Ok(None);
    }
    let parameters = parameters(rest).ok_or("`content-type`: its parameters cannot be read")?;
    let mut named = parameters.iter().filter(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    let (Some((_, boundary)), None) = (named.next(), named.next()) else {
        return Err("`content-type`: name one `boundary`".into());
    };
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    if boundary.is_empty()
        || boundary.len() > BOUNDARY_MAX
        || boundary.ends_with(' ')
        || !boundary.bytes().all(is_one)
    {
        return Err(format!(
            "`content-type`: `boundary` has 1 to {BOUNDARY_MAX} of the characters of RFC 2046"
        ));
    }
    Ok(Some(boundary))
}

/// The parameters of a header, after its value: names and values. `None`: readers differ on what they are.
fn parameters(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        rest = rest.strip_prefix(';')?.trim_start();
        if rest.is_empty() {
            break;
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            let (value, after) = quoted.split_once('"')?;
            // Some take the backslash for itself, others for what keeps the value open.
            if value.ends_with('\\') {
                return None;
            }
            (value, after)
        } else {
            let end = after.find([';', ' ', '\t']).unwrap_or(after.len());
            let (value, after) = after.split_at(end);
            (value, after)
        };
        let is_token = |text: &str| !text.is_empty() && !text.contains(['"', ';', ' ', '\t', '\\']);
        if !is_token(name) {
            return None;
        }
        all.push((name, value));
        rest = after.trim_start();
    }
    Some(all)
}

impl<'a> Form<'a> {
    /// Reads the parts of a body.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub(crate) fn parse(boundary: &str, body: &'a [u8]) -> Result<Self, String> {
        let dashes = [b"--", boundary.as_bytes()].concat();
        let mut parts = Vec::new();
        let mut begins: Option<usize> = None;
        let first = if body.starts_with(b"\r\n") { 2 } else { 0 };
        for at in memmem::find_iter(body, &dashes) {
            let (before, after) = (body.get(..at).unwrap_or_default(), at + dashes.len());
            let rest = body.get(after..).unwrap_or_default();
            let is_line = at == first || before.ends_with(b"\r\n");
            let is_last = rest.starts_with(b"--");
            if !is_line || !(is_last || rest.starts_with(b"\r\n")) {
                return Err("the form has its boundary within a part; choose another one".into());
            }
            match begins {
                None if at != first => {
                    return Err("the form begins with something else than its boundary".into());
                }
                None => {}
                Some(from) if parts.len() < PARTS_MAX => {
                    // An end that touches its beginning leaves no room for a part.
                    let to =
                        at.checked_sub(2).filter(|to| *to >= from).ok_or("the form has an empty part")?;
                    let number = parts.len() + 1;
                    let part = Part::parse(body, from..to);
                    parts.push(part.map_err(|why| format!("part {number} of the form: {why}"))?);
                }
                Some(_) => return Err(format!("the form has more than {PARTS_MAX} parts")),
            }
            begins = Some(after + 2);
            if is_last {
                let after = rest.get(2..).unwrap_or_default();
                if !after.trim_ascii().is_empty() {
                    return Err("the form goes on after its last boundary".into());
                }
                return Ok(Self { body, parts });
            }
        }
        Err("the form has no last boundary: it is cut off, or `content-type` names another one".into())
    }

    pub(crate) fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// The only part of a name.
    fn one(&self, name: &str) -> Result<Option<&Part<'a>>, String> {
        let mut named = self.parts.iter().filter(|part| part.name == name);
        let one = named.next();
        if named.next().is_some() {
            return Err(format!("`{name}` stands twice"));
        }
        Ok(one)
    }

    /// The text of a field, if there is one.
    ///
    /// # Errors
    /// If it stands twice, or is no text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, String> {
        let Some(part) = self.one(name)? else { return Ok(None) };
        if part.is_file {
            return Err(format!("`{name}` is a file"));
        }
        std::str::from_utf8(part.content).map(Some).map_err(|_| format!("`{name}` is not UTF-8"))
    }

    /// The body with another value of a field that stands in it.
    pub(crate) fn with(&self, name: &str, value: &str) -> Vec<u8> {
        let Some(part) = self.parts.iter().find(|part| part.name == name) else { return self.body.to_vec() };
        let (before, after) = (self.body.get(..part.at.start), self.body.get(part.at.end..));
        [before.unwrap_or_default(), value.as_bytes(), after.unwrap_or_default()].concat()
    }
}

impl<'a> Part<'a> {
    fn parse(body: &'a [u8], at: Range<usize>) -> Result<Self, String> {
        let part = body.get(at.clone()).unwrap_or_default();
        let within = part.get(..HEAD_MAX).unwrap_or(part);
        let head = memmem::find(within, b"\r\n\r\n")
            .map(|end| end + 4)
            .ok_or_else(|| format!("its headers have no end within {HEAD_MAX} bytes"))?;
        let (lines, content) = part.split_at(head);
        if memchr::memchr_iter(b'\n', lines).any(|at| !lines.get(..at).is_some_and(|l| l.ends_with(b"\r"))) {
            return Err("a line of its headers ends without a carriage return".into());
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let read = httparse::parse_headers(lines, &mut headers);
        let Ok(httparse::Status::Complete((_, headers))) = read else {
            return Err(format!("its headers cannot be read, or are more than {HEADERS_MAX}"));
        };
        let named =
            |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        let plain = |value: &[u8]| {
            [&b"7bit"[..], b"8bit", b"binary"].iter().any(|one| value.eq_ignore_ascii_case(one))
        };
        if named("content-transfer-encoding").any(|header| !plain(header.value)) {
            return Err("`content-transfer-encoding` is not served here; send the bytes as they are".into());
        }
        let mut said = named("content-disposition");
        let (Some(disposition), None) = (said.next(), said.next()) else {
            return Err("it has no `content-disposition`, or several".into());
        };
        let (name, is_file) =
            disposed(disposition.value).ok_or("its `content-disposition` cannot be read")?;
        Ok(Self { name, is_file, head: lines, at: at.start + head..at.end, content })
    }
}

/// The name that a part has, and whether it is a file.
fn disposed(value: &[u8]) -> Option<(&str, bool)> {
    let value = std::str::from_utf8(value).ok()?;
    let (kind, rest) = value.split_at(value.find(';')?);
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut is_file) = (None, false);
    for (parameter, value) in parameters(rest)? {
        match parameter.to_ascii_lowercase().as_str() {
            // A name is written in one way, once, and without escapes.
            "name" if name.is_none() && !value.contains('\\') => name = Some(value),
            "name" | "name*" => return None,
            "filename" | "filename*" => is_file = true,
            _ => {}
        }
    }
    Some((name?, is_file))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{Form, HEAD_MAX, PARTS_MAX, boundary};

    fn part(headers: &str, content: &str) -> String {
        format!("--b\r\n{headers}\r\n\r\n{content}\r\n")
    }

    fn field(name: &str, content: &str) -> String {
        part(&format!("Content-Disposition: form-data; name=\"{name}\""), content)
    }

    #[test]
    fn a_form_keeps_its_bytes_but_for_the_model() {
        // Bytes that are no UTF-8, ends of lines of all kinds, and what looks like a boundary from afar.
        let file: Vec<u8> = [&b"RIFF\xff\xfe\r\n\r\n--\r\n--c\r\n\n\n"[..], &[0, 255, 13, 10]].concat();
        let mut body = field("prompt", "h\u{e9}llo").into_bytes();
        let head = "--b\r\ncontent-type: audio/wav\r\nCONTENT-DISPOSITION: form-data; name=file; filename=\"a;b.wav\"; x=\"\"\r\n\r\n";
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&file);
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(field("model", "big").as_bytes());
        body.extend_from_slice(field("image[]", "").as_bytes());
        body.extend_from_slice(field("image[]", "2").as_bytes());
        body.extend_from_slice(b"--b--\r\n");
        let form = Form::parse("b", &body).expect("a form");
        let read: Vec<_> = form.parts().iter().map(|part| (part.name, part.is_file, part.content)).collect();
        let expected: [(&str, bool, &[u8]); 5] = [
            ("prompt", false, "h\u{e9}llo".as_bytes()),
            ("file", true, &file),
            ("model", false, b"big"),
            ("image[]", false, b""),
            ("image[]", false, b"2"),
        ];
        assert_eq!(read, expected);
        assert_eq!((form.text("model"), form.text("none")), (Ok(Some("big")), Ok(None)));
        assert!(form.text("file").is_err() && form.text("image[]").is_err());
        assert_eq!(form.with("model", "big"), body);
        let edited = form.with("model", "another-one");
        let at = body.windows(3).position(|bytes| bytes == b"big").expect("stands there");
        assert_eq!(
            (&edited[..at], &edited[at..at + 11], &edited[at + 11..]),
            (&body[..at], &b"another-one"[..], &body[at + 3..])
        );
        // One that is cut off anywhere is none, until only the end of its last line is missing.
        for end in 0..body.len() - 2 {
            assert!(Form::parse("b", &body[..end]).is_err(), "{end}");
        }
        // Line ends around it, which RFC 2046 allows.
        let around = [b"\r\n", &body[..body.len() - 2]].concat();
        assert_eq!(Form::parse("b", &around).expect("a form").text("model"), Ok(Some("big")));
    }

    #[test]
    fn a_form_that_may_be_read_otherwise_is_refused() {
        let good = field("model", "m");
        assert!(Form::parse("b", format!("{good}--b--").as_bytes()).is_ok());
        assert!(Form::parse("b", b"--b--").expect("a form without parts").parts().is_empty());
        let hidden = field("x", "\n--b\nContent-Disposition: form-data; name=\"model\"\n\nother");
        let of = |headers: &str| format!("{}--b--\r\n", part(headers, "m"));
        let named = "Content-Disposition: form-data; name=\"model\"";
        for body in [
            String::new(),
            good.clone(),
            "--b".into(),
            "--b\r\n--b--".into(),
            format!("preamble\r\n{good}--b--"),
            format!("{good}--b--\r\n{good}--b--"),
            format!("{good}--b--epilogue"),
            format!("{good}{hidden}--b--"),
            format!("{good}--b \r\n"),
            format!("{}--bb\r\n--b--", field("x", "1")),
            "--b\nContent-Disposition: form-data; name=\"model\"\n\nm\n--b--\n".into(),
            of(&named.replace("\"model\"", "\"mod\\el\"")),
            of(&named.replace("\"model\"", "\"model\"; name=\"x\"")),
            of(&named.replace("name=", "name*=UTF-8''")),
            of(&named.replace("\"model\"", "\"x\"; filename=\"a\\\"; name=\"model\"")),
            of(&named.replace("form-data", "attachment")),
            of(&format!("Content-Type: text/plain\n{named}")),
            of("Content-Disposition: form-data"),
            of("Content-Type: text/plain"),
            of(&format!("{named}\r\n{named}")),
            of(&format!("{named}\r\nContent-Transfer-Encoding: base64")),
            of(&format!("{named}\r\n folded: 1")),
        ] {
            assert!(Form::parse("b", body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_form_is_bounded() {
        let fields = |count: usize| format!("{}--b--", field("x", "1").repeat(count));
        assert_eq!(Form::parse("b", fields(PARTS_MAX).as_bytes()).expect("fits").parts().len(), PARTS_MAX);
        assert!(Form::parse("b", fields(PARTS_MAX + 1).as_bytes()).is_err());
        let named = "Content-Disposition: form-data; name=\"x\"";
        let padded = |length: usize| {
            let head = format!("{named}\r\nx: {}", "y".repeat(length - named.len() - 5 - 4));
            format!("{}--b--", part(&head, "1"))
        };
        assert!(Form::parse("b", padded(HEAD_MAX).as_bytes()).is_ok());
        assert!(Form::parse("b", padded(HEAD_MAX + 1).as_bytes()).is_err());
        let many =
            |count: usize| format!("{}--b--", part(&format!("{named}{}", "\r\nx: y".repeat(count)), "1"));
        assert!(Form::parse("b", many(15).as_bytes()).is_ok());
        assert!(Form::parse("b", many(16).as_bytes()).is_err());
    }

    #[test]
    fn a_boundary_stands_in_the_content_type() {
        let of = |kind: &str| {
            let headers = HeaderMap::from_iter([(
                http::header::CONTENT_TYPE,
                HeaderValue::from_str(kind).expect("a value"),
            )]);
            boundary(&headers).map(|found| found.map(str::to_owned))
        };
        for (kind, expected) in [
            ("application/json", None),
            ("multipart/form-data; boundary=a1", Some("a1")),
            ("Multipart/Form-Data;charset=utf-8; Boundary=\"a b:1\"", Some("a b:1")),
            (
                "multipart/form-data; boundary=----formdata-undici-012345678901",
                Some("----formdata-undici-012345678901"),
            ),
        ] {
            assert_eq!(of(kind), Ok(expected.map(str::to_owned)), "{kind}");
        }
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        for kind in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=a; boundary=b",
            "multipart/form-data; boundary=\"a",
            "multipart/form-data; boundary=\"a \"",
            "multipart/form-data; boundary=\"a\\\"",
            "multipart/form-data; boundary=a\u{7b}",
            long.as_str(),
        ] {
            assert!(of(kind).is_err(), "{kind}");
        }
        let mut twice = HeaderMap::new();
        for kind in ["multipart/form-data; boundary=a", "application/json"] {
            twice.append(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        assert!(boundary(&twice).is_err());
    }
}
