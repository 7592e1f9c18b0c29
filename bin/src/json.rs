//! One JSON object a database.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use martlet_core::audit::{Audited, Fate};
use martlet_core::check::Cell;
use martlet_core::path::{DATADIR, DbPath};
use martlet_core::verdict::{Counts, Finding, Value};
use martlet_platform_linux::drive::Said;
use serde_json::{Map, Value as Json, json};

/// The line for one audit, without its end.
pub(crate) fn line(audited: &Audited<'_>, said: &Said<'_>) -> String {
    let mut object = Map::new();
    let bytes = said.whole(audited.path);
    let path = std::path::absolute(Path::new(OsStr::from_bytes(&bytes)))
        .map_or_else(|_| bytes.to_vec(), |path| path.as_os_str().as_bytes().to_vec());
    insert_path(&mut object, &path);
    // Read from the whole path: what was asked for may be less, or a tree's own name.
    let place = DbPath::new(&path);
    let place = Some(place.place()).filter(|place| place.datadir == DATADIR);
    let device = said
        .device
        .and_then(|target| target.path().file_name())
        .filter(|_| matches!(said.device, Some(martlet_platform_linux::hands::Target::Device(_))));
    let above = path.rsplit(|byte| *byte == b'/').nth(5).filter(|name| !name.is_empty());
    let device = device.map(OsStrExt::as_bytes).or(above.filter(|_| place.is_some()));
    object.insert("device".into(), device.map_or(Json::Null, text));
    object.insert("partition".into(), place.map_or(Json::Null, |place| text(place.partition)));
    object.insert("account".into(), cell(said.names.0));
    object.insert("container".into(), cell(said.names.1));
    object.insert("verdict".into(), audited.judged.verdict.word().into());
    object.insert(
        "counts".into(),
        match audited.judged.counts {
            Counts::Passed => "passed".into(),
            Counts::Failed => "failed".into(),
            Counts::Neither => Json::Null,
        },
    );
    object.insert("findings".into(), audited.judged.findings.iter().map(finding).collect());
    let detail = Some(said.words).filter(|words| !words.is_empty());
    object.insert("detail".into(), detail.map_or(Json::Null, Json::from));
    if audited.fate == Fate::Moved
        && let Some(Ok(moved)) = said.moved
    {
        object.insert("moved_to".into(), text(moved.to.as_os_str().as_bytes()));
    }
    Json::Object(object).to_string()
}

/// The object of these `others` about what lies at `path`.
pub(crate) fn about(path: &[u8], others: Json) -> String {
    let mut object = Map::new();
    insert_path(&mut object, path);
    if let Json::Object(others) = others {
        object.extend(others);
    }
    Json::Object(object).to_string()
}

/// Adds `path`, and beside it `path_hex` if that is no text.
fn insert_path(object: &mut Map<String, Json>, path: &[u8]) {
    object.insert("path".into(), text(path));
    if std::str::from_utf8(path).is_err() {
        let hex = path.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        object.insert("path_hex".into(), hex.into());
    }
}

fn text(bytes: &[u8]) -> Json {
    String::from_utf8_lossy(bytes).into()
}

fn cell(cell: Cell<'_>) -> Json {
    match cell {
        Cell::Null => Json::Null,
        Cell::Int(number) => number.into(),
        Cell::Real(number) => number.into(),
        Cell::Text(bytes) | Cell::Blob(bytes) => text(bytes),
    }
}

fn finding(finding: &Finding) -> Json {
    json!({
        "code": finding.code.word(),
        "expected": value(finding.expected),
        "found": value(finding.found),
        "where": finding.place().to_string(),
        "next": finding.code.advice().next,
    })
}

fn value(value: Value) -> Json {
    match value {
        Value::Nothing => Json::Null,
        Value::Int(number) => number.into(),
        Value::Md5(sum) => String::from_utf8_lossy(&martlet_core::place::hex(sum)).into(),
    }
}
