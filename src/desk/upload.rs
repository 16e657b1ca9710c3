//! A form with a file (`multipart/form-data`, RFC 7578), as browsers send it: our token first, then
//! the file, whose bytes are handed on as they come and are never held as a whole.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use futures_util::{Stream, StreamExt as _, stream};

use super::drawing;
use super::page::{Again, Page};
use super::reader::Reader;
use crate::platform::problem::{Problem, ProblemType};

/// What stands before the file's bytes is not longer.
const LONGEST_HEAD: usize = 16 * 1024;

/// So many fields a form with a file has at most.
const MOST_FIELDS: usize = 20;

/// What was sent.
#[derive(Debug)]
pub struct Upload {
    /// The token of the form.
    pub token: String,
    /// The other fields, which stand before it.
    pub fields: Vec<(String, String)>,
    /// The file's name; empty when none was chosen.
    pub name: String,
    /// Its bytes.
    pub content: Body,
}

fn unreadable() -> Problem {
    Problem::new(ProblemType::UnreadableBody)
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

/// The boundary that the parts are told apart by.
fn boundary(headers: &HeaderMap) -> Option<Vec<u8>> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (kind, rest) = kind.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let given = rest.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?;
    let given = given.trim_matches('"');
    (!given.is_empty() && given.len() <= 70).then(|| format!("--{given}").into_bytes())
}

/// One value of a head: `name="file"`.
fn parameter(head: &str, name: &str) -> Option<String> {
    let from = head.find(&format!("; {name}=\""))? + name.len() + 4;
    let until = head[from..].find('"')? + from;
    // Browsers write a quote in a name as %22.
    Some(head[from..until].replace("%22", "\""))
}

/// Reads the form up to the file.
pub async fn open(headers: &HeaderMap, body: Body) -> Result<Upload, Problem> {
    let boundary = boundary(headers).ok_or_else(unreadable)?;
    let mut pieces = body.into_data_stream();
    let mut held: Vec<u8> = Vec::new();
    let (mut token, mut fields) = (String::new(), Vec::new());
    loop {
        let (part, end) = loop {
            if let Some((part, end)) = next_part(&held, &boundary) {
                break (part, end);
            }
            if held.len() > LONGEST_HEAD {
                return Err(unreadable());
            }
            match pieces.next().await {
                Some(piece) => held.extend_from_slice(&piece.map_err(|_| unreadable())?),
                None => return Err(unreadable()),
            }
        };
        let head = String::from_utf8_lossy(&held[part..end]).into_owned();
        let name = parameter(&head, "name").unwrap_or_default();
        held.drain(..end + 4);
        if name == "file" {
            let name = parameter(&head, "filename").unwrap_or_default();
            let ending = [b"\r\n", boundary.as_slice()].concat();
            let content = Body::from_stream(until(pieces, held, ending));
            return Ok(Upload { token, fields, name, content });
        }
        // Another field: its value ends where the next part begins.
        let value = loop {
            if let Some(end) = find(&held, &boundary) {
                break held[..end].to_vec();
            }
            if held.len() > LONGEST_HEAD {
                return Err(unreadable());
            }
            match pieces.next().await {
                Some(piece) => held.extend_from_slice(&piece.map_err(|_| unreadable())?),
                None => return Err(unreadable()),
            }
        };
        if name == super::csrf::FIELD {
            String::from_utf8_lossy(&value).trim().clone_into(&mut token);
        } else if fields.len() < MOST_FIELDS {
            // Ends with the line that begins the next part.
            let value = value.strip_suffix(b"\r\n").unwrap_or(&value);
            fields.push((name, String::from_utf8_lossy(value).into_owned()));
        }
    }
}

/// Where the head of the next part begins and ends.
fn next_part(held: &[u8], boundary: &[u8]) -> Option<(usize, usize)> {
    let from = find(held, boundary)? + boundary.len();
    let end = find(&held[from..], b"\r\n\r\n")? + from;
    Some((from, end))
}

/// The bytes up to an ending, without it. What could be the beginning of it is held back.
fn until<S>(
    pieces: S,
    held: Vec<u8>,
    ending: Vec<u8>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>>
where
    S: Stream<Item = Result<Bytes, axum::Error>> + Unpin,
{
    let state = Some((pieces, held, ending));
    stream::try_unfold(state, |state| async move {
        let Some((mut pieces, mut held, ending)) = state else { return Ok(None) };
        loop {
            if let Some(end) = find(&held, &ending) {
                held.truncate(end);
                return Ok(Some((Bytes::from(held), None)));
            }
            if held.len() >= ending.len() {
                let rest = held.split_off(held.len() - (ending.len() - 1));
                return Ok(Some((Bytes::from(held), Some((pieces, rest, ending)))));
            }
            match pieces.next().await {
                Some(Ok(piece)) => held.extend_from_slice(&piece),
                Some(Err(error)) => return Err(std::io::Error::other(error)),
                None => {
                    let kind = std::io::ErrorKind::UnexpectedEof;
                    return Err(std::io::Error::new(kind, "the form ends within its file"));
                }
            }
        }
    })
}

/// The page of an upload that was not taken, with what is wrong beside its field.
pub fn refused(reader: &Reader, page: Result<Page, Problem>, problem: &Problem) -> Response {
    match page {
        Ok(mut page) => {
            let mut again = Again::of("bring", problem);
            again.faults = vec![("file".to_owned(), drawing::told(reader.language, problem))];
            page.again(again);
            reader.sign(drawing::page(reader, &page))
        }
        Err(problem) => reader.answer(Err(problem)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(content: &[u8]) -> (HeaderMap, Vec<u8>) {
        let mut headers = HeaderMap::new();
        let kind = "multipart/form-data; boundary=----x";
        headers.insert(header::CONTENT_TYPE, kind.parse().expect("a header"));
        let mut body = b"------x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n------x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"sao ke.xml\"\r\nContent-Type: text/xml\r\n\r\n".to_vec();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n------x--\r\n");
        (headers, body)
    }

    #[tokio::test]
    async fn a_file_comes_out_as_it_went_in_however_it_is_cut() {
        let content = b"a\r\n------\r\n-----x\r\nb\0\xff\r\n".repeat(40);
        let (headers, body) = sent(&content);
        for size in [1, 3, 7, 64, 10_000] {
            let pieces: Vec<Result<Bytes, std::io::Error>> =
                body.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            let upload = open(&headers, Body::from_stream(stream::iter(pieces))).await;
            let Upload { token, name, content: told, .. } = upload.expect("an upload");
            assert_eq!((token.as_str(), name.as_str()), ("abc", "sao ke.xml"));
            let told = axum::body::to_bytes(told, usize::MAX).await.expect("all of it");
            assert_eq!(told, content, "in pieces of {size}");
        }
    }

    #[tokio::test]
    async fn what_is_no_such_form_is_refused() {
        let (headers, mut body) = sent(b"x");
        assert!(open(&HeaderMap::new(), Body::from(body.clone())).await.is_err());
        body.truncate(body.len() - 8);
        let upload = open(&headers, Body::from(body)).await.expect("its head");
        assert!(axum::body::to_bytes(upload.content, usize::MAX).await.is_err(), "cut short");
        let endless = vec![b'x'; LONGEST_HEAD * 2];
        assert!(open(&headers, Body::from(endless)).await.is_err());
    }
}
