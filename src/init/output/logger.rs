//! rinit's own messages: on standard error, one line each, as text or JSON.

use super::OUTPUT;
use crate::init::settings::LogFormat;
use crate::model::text::escaped_lines;
use env_logger::fmt::Formatter;
use log::{Level, LevelFilter, Record};
use std::io::{self, Write};
use std::time::SystemTime;

/// Sets the logger up. To be called once; a second call changes nothing.
pub fn start(level: LevelFilter, format: LogFormat) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).target(env_logger::Target::Pipe(Box::new(ToOutput)));
    match format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => {
            OUTPUT.set_note(note_json);
            builder.format(json)
        }
    };
    let _ = builder.try_init();
}

/// Writes what is said at any log level.
pub fn say(format: LogFormat, level: Level, text: &str) {
    match format {
        LogFormat::Text => OUTPUT.push(format!("{}\n", escaped_lines(text)).as_bytes()),
        LogFormat::Json => {
            let text = text.strip_prefix("rinit: ").unwrap_or(text);
            OUTPUT.push(&json_line(level, None, text, None));
        }
    }
}

fn note_json(count: u64) -> Vec<u8> {
    json_line(Level::Warn, None, &super::note(count), Some(count))
}

/// The logger's writer: it hands over each message in one piece.
struct ToOutput;

impl Write for ToOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        OUTPUT.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The service that a message is about. Its name is the record's target; a target with `::` is a module of ours.
fn service<'a>(record: &Record<'a>) -> Option<&'a str> {
    Some(record.target()).filter(|target| !target.contains("::"))
}

fn text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let level = match record.level() {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        Level::Info | Level::Debug | Level::Trace => "",
    };
    let (name, colon) = service(record).map_or(("", ""), |name| (name, ": "));
    writeln!(out, "rinit: {level}{name}{colon}{}", escaped_lines(&record.args().to_string()))
}

fn json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    out.write_all(&json_line(record.level(), service(record), &record.args().to_string(), None))
}

/// A message as one line of JSON. Only a note about dropped messages has `dropped`.
fn json_line(level: Level, service: Option<&str>, message: &str, dropped: Option<u64>) -> Vec<u8> {
    let mut line = serde_json::json!({
        "time": humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        "level": level.as_str().to_ascii_lowercase(),
        "service": service,
        "message": escaped_lines(message),
    });
    if let (Some(dropped), Some(fields)) = (dropped, line.as_object_mut()) {
        fields.insert("dropped".to_owned(), dropped.into());
    }
    format!("{line}\n").into_bytes()
}
