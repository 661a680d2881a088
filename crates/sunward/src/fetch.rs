//! A file over HTTPS, whole or not at all: what a broken connection left is gone on from, and the checksum decides.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::http::{Response, StatusCode, header};

/// Time in which a server must be found, and in which its next bytes must come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes read at a time.
const BUFFER: usize = 1 << 16;

/// What is fetched, and how it is known to be the right thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// Where it lies.
    pub(crate) url: &'a str,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub(crate) sha256: &'a str,
}

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{url} cannot be reached; expected {bytes} bytes from there. Is there a network?")]
    Unreachable { url: String, bytes: u64, source: Box<ureq::Error> },
    #[error("{url} answered {status}; expected 200 and {bytes} bytes")]
    Status { url: String, status: StatusCode, bytes: u64 },
    #[error("the connection to {url} ended after {got} of {bytes} bytes; the next try goes on from there")]
    Cut { url: String, got: u64, bytes: u64, source: Option<io::Error> },
    #[error(
        "{url} sent something else: {got} bytes with SHA-256 {digest}; expected {bytes} bytes with SHA-256 {expected}. Nothing was kept"
    )]
    Digest { url: String, got: u64, digest: String, bytes: u64, expected: String },
    #[error(
        "{path} exists and is another file: its SHA-256 is {digest}, expected {expected}; remove it, or name another with --out"
    )]
    Foreign { path: PathBuf, digest: String, expected: String },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
}

/// What was done for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// It lay there already.
    Present,
    /// It came over the network, this many bytes of it before.
    From(u64),
}

/// Puts the file of `source` at `path`, telling `progress` how many of its bytes are there.
pub(crate) fn fetch(source: &Source<'_>, path: &Path, progress: &dyn Fn(u64)) -> Result<Fetched, FetchError> {
    if path.exists() {
        let digest = digest(path)?;
        let right = digest == source.sha256;
        let foreign = || FetchError::Foreign { path: path.to_owned(), digest, expected: source.sha256.to_owned() };
        return if right { Ok(Fetched::Present) } else { Err(foreign()) };
    }
    let partial = partial(path);
    let from = download(source, &partial, progress)?;
    if let Err(error) = verify(source, &partial) {
        remove(&partial)?;
        // What an earlier try left may be spoilt: only a download from the start tells.
        if from == 0 {
            return Err(error);
        }
        download(source, &partial, progress)?;
        verify(source, &partial).inspect_err(|_| drop(remove(&partial)))?;
    }
    fs::rename(&partial, path).map_err(refused(path))?;
    Ok(Fetched::From(from))
}

/// The hidden file beside `path` that holds what has come of it.
fn partial(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

/// Downloads what is missing of `partial`; returns how much was there.
fn download(source: &Source<'_>, partial: &Path, progress: &dyn Fn(u64)) -> Result<u64, FetchError> {
    let there = fs::metadata(partial).map_or(0, |metadata| metadata.len());
    if there == source.bytes {
        return Ok(there);
    }
    let response = ask(source, there)?;
    let from = if response.status() == StatusCode::PARTIAL_CONTENT { there } else { 0 };
    if let Some(folder) = partial.parent() {
        fs::create_dir_all(folder).map_err(refused(folder))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(from == 0).append(from > 0);
    let mut file = options.open(partial).map_err(refused(partial))?;
    let mut body = response.into_body().into_reader();
    let (mut got, mut buffer) = (from, vec![0; BUFFER]);
    while got <= source.bytes {
        progress(got);
        let cut = |why| FetchError::Cut { url: source.url.to_owned(), got, bytes: source.bytes, source: why };
        let count = match body.read(&mut buffer) {
            Ok(0) if got < source.bytes => return Err(cut(None)),
            Ok(0) => break,
            Ok(count) => count,
            Err(why) => return Err(cut(Some(why))),
        };
        file.write_all(&buffer[..count]).map_err(refused(partial))?;
        got += count as u64;
    }
    file.sync_all().map_err(refused(partial))?;
    Ok(from)
}

/// The answer that holds the file from byte `there` on, or all of it.
fn ask(source: &Source<'_>, there: u64) -> Result<Response<ureq::Body>, FetchError> {
    let agent: Agent = Agent::config_builder()
        .https_only(source.url.starts_with("https://"))
        .http_status_as_error(false)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build()
        .into();
    let call = |from: u64| {
        let request = agent.get(source.url);
        let request = if from > 0 { request.header(header::RANGE, format!("bytes={from}-")) } else { request };
        let unreachable = |error| FetchError::Unreachable {
            url: source.url.to_owned(),
            bytes: source.bytes,
            source: Box::new(error),
        };
        request.call().map_err(unreachable)
    };
    let mut response = call(there)?;
    let begins = format!("bytes {there}-");
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let partial = response.status() == StatusCode::PARTIAL_CONTENT;
    let useless = partial && !range.is_some_and(|range| range.starts_with(&begins));
    if there > 0 && (useless || response.status() == StatusCode::RANGE_NOT_SATISFIABLE) {
        response = call(0)?;
    }
    match response.status() {
        StatusCode::OK => Ok(response),
        StatusCode::PARTIAL_CONTENT if there > 0 && !useless => Ok(response),
        status => Err(FetchError::Status { url: source.url.to_owned(), status, bytes: source.bytes }),
    }
}

fn verify(source: &Source<'_>, path: &Path) -> Result<(), FetchError> {
    let digest = digest(path)?;
    if digest == source.sha256 {
        return Ok(());
    }
    let got = fs::metadata(path).map_err(refused(path))?.len();
    let (url, expected) = (source.url.to_owned(), source.sha256.to_owned());
    Err(FetchError::Digest { url, got, digest, bytes: source.bytes, expected })
}

/// SHA-256 of a file, in hexadecimal.
fn digest(path: &Path) -> Result<String, FetchError> {
    let mut file = File::open(path).map_err(refused(path))?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer).map_err(refused(path))? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn remove(path: &Path) -> Result<(), FetchError> {
    fs::remove_file(path).map_err(refused(path))
}

fn refused(path: &Path) -> impl FnOnce(io::Error) -> FetchError + use<> {
    let path = path.to_owned();
    |source| FetchError::Write { path, source }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use super::*;

    const TEXT: &[u8] = b"O for a Muse of fire, that would ascend";
    /// `printf '%s' "O for a Muse of fire, that would ascend" | sha256sum` (GNU coreutils 9.1).
    const SHA256: &str = "955042faf0a389643befdaba3da6f72a634dcce1239776885cfb419e44a1537f";

    /// A server on this machine that gives one answer a connection; joining it gives the range each request asked for.
    fn server(answers: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<Option<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/text", listener.local_addr().unwrap());
        let serve = move |answer: Vec<u8>| {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let asked: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(&answer).unwrap();
            asked.iter().find_map(|line| Some(line.to_lowercase().strip_prefix("range: ")?.to_owned()))
        };
        (url, thread::spawn(move || answers.into_iter().map(serve).collect()))
    }

    /// An answer that promises `length` bytes and holds `body`.
    fn answer(status: &str, length: usize, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        [head.as_bytes(), body].concat()
    }

    fn whole() -> Vec<u8> {
        answer("200 OK", TEXT.len(), TEXT)
    }

    fn rest_from(byte: usize) -> Vec<u8> {
        let status = format!("206 Partial Content\r\nContent-Range: bytes {byte}-{}/{}", TEXT.len() - 1, TEXT.len());
        answer(&status, TEXT.len() - byte, &TEXT[byte..])
    }

    fn fetched(url: &str, path: &Path) -> Result<Fetched, FetchError> {
        fetch(&Source { url, bytes: TEXT.len() as u64, sha256: SHA256 }, path, &|_| {})
    }

    /// A place for a text in a folder of its own.
    fn place(test: &str) -> PathBuf {
        let folder = [env!("CARGO_MANIFEST_DIR"), "../../target/tmp", test].iter().collect::<PathBuf>();
        let _ = fs::remove_dir_all(&folder);
        folder.join("text.txt")
    }

    fn left_beside(path: &Path) -> usize {
        fs::read_dir(path.parent().unwrap()).unwrap().count()
    }

    #[test]
    fn a_text_comes_whole_and_is_not_fetched_twice() {
        let (url, server) = server(vec![whole()]);
        let path = place("fetch_whole");
        let told = RefCell::new(Vec::new());
        let source = Source { url: &url, bytes: TEXT.len() as u64, sha256: SHA256 };
        assert_eq!(fetch(&source, &path, &|got| told.borrow_mut().push(got)).unwrap(), Fetched::From(0));
        assert_eq!(fs::read(&path).unwrap(), TEXT);
        assert_eq!((told.borrow()[0], *told.borrow().last().unwrap()), (0, TEXT.len() as u64));
        assert_eq!(left_beside(&path), 1);
        // The server is gone by now.
        assert_eq!(server.join().unwrap(), [None]);
        assert_eq!(fetched(&url, &path).unwrap(), Fetched::Present);
        fs::write(&path, "mine").unwrap();
        let foreign = fetched(&url, &path).unwrap_err().to_string();
        assert!(foreign.contains("is another file") && foreign.contains("--out"), "{foreign}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn a_cut_connection_is_gone_on_from() {
        let (url, server) = server(vec![answer("200 OK", TEXT.len(), &TEXT[..10]), rest_from(10)]);
        let path = place("fetch_cut");
        let cut = fetched(&url, &path).unwrap_err().to_string();
        assert!(cut.contains(&format!("ended after 10 of {} bytes", TEXT.len())), "{cut}");
        assert!(!path.exists(), "nothing that looks whole");
        assert_eq!(fetched(&url, &path).unwrap(), Fetched::From(10));
        assert_eq!(fs::read(&path).unwrap(), TEXT);
        assert_eq!(server.join().unwrap(), [None, Some("bytes=10-".to_owned())]);
    }

    #[test]
    fn a_server_that_knows_no_ranges_sends_all_again() {
        let (url, server) = server(vec![whole(), answer("416 Range Not Satisfiable", 0, b""), whole()]);
        for test in ["fetch_no_ranges", "fetch_refused_range"] {
            let path = place(test);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(partial(&path), &TEXT[..10]).unwrap();
            assert_eq!(fetched(&url, &path).unwrap(), Fetched::From(0));
            assert_eq!(fs::read(&path).unwrap(), TEXT);
        }
        assert_eq!(server.join().unwrap().len(), 3);
    }

    #[test]
    fn what_an_earlier_try_left_spoilt_is_fetched_anew() {
        let (url, server) = server(vec![rest_from(10), whole()]);
        let path = place("fetch_spoilt");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(partial(&path), "spoilt....").unwrap();
        fetched(&url, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), TEXT);
        assert_eq!(server.join().unwrap().len(), 2);
    }

    #[test]
    fn something_else_is_refused_and_not_kept() {
        let other = TEXT.to_ascii_uppercase();
        let longer = [TEXT, TEXT].concat();
        let answers = vec![answer("200 OK", other.len(), &other), answer("200 OK", longer.len(), &longer)];
        let (url, server) = server(answers);
        for test in ["fetch_other", "fetch_longer"] {
            let path = place(test);
            let told = fetched(&url, &path).unwrap_err().to_string();
            assert!(told.contains("sent something else") && told.contains(SHA256), "{told}");
            assert_eq!(left_beside(&path), 0);
        }
        server.join().unwrap();
    }

    #[test]
    fn a_server_that_refuses_or_is_not_there_is_named() {
        let (url, server) = server(vec![answer("404 Not Found", 0, b"")]);
        let path = place("fetch_refused");
        let told = fetched(&url, &path).unwrap_err().to_string();
        assert!(told.contains(&url) && told.contains("answered 404") && told.contains("expected 200"), "{told}");
        server.join().unwrap();
        let gone = fetched(&url, &path).unwrap_err().to_string();
        assert!(gone.contains("cannot be reached") && gone.contains("Is there a network?"), "{gone}");
        assert!(!path.parent().unwrap().exists(), "not even a folder is left");
    }
}
