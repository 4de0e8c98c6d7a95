//! Requests as forms: fields as texts, and the bytes of files.

use serde_json::{Map, Value};

/// The fields of a form, and its files by name.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pub(crate) fields: Map<String, Value>,
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// Reads a form whose boundary is in its content type.
pub(crate) fn read(kind: &str, body: &[u8]) -> Option<Form> {
    let boundary = kind.split_once("boundary=")?.1.split(';').next()?.trim().trim_matches('"');
    let mark = format!("\r\n--{boundary}");
    let mut form = Form::default();
    let mut rest = body.strip_prefix(mark.trim_start().as_bytes())?;
    loop {
        if rest.starts_with(b"--") {
            return Some(form);
        }
        let end = find(rest, mark.as_bytes())?;
        let (part, after) = rest.split_at(end);
        rest = after.get(mark.len()..)?;
        let part = part.strip_prefix(b"\r\n")?;
        let head = find(part, b"\r\n\r\n")?;
        let (head, content) = (std::str::from_utf8(part.get(..head)?).ok()?, part.get(head + 4..)?);
        let name = head.split_once(" name=\"")?.1.split('"').next()?.to_owned();
        if head.contains("filename=") {
            form.files.push((name, content.to_vec()));
        } else {
            let text = String::from_utf8_lossy(content).into_owned();
            form.fields.insert(name, text.into());
        }
    }
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    let first = what.first()?;
    let mut from = 0;
    loop {
        let at = from + within.get(from..)?.iter().position(|byte| byte == first)?;
        if within.get(at..)?.starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
}
