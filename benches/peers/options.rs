//! The command line of the comparison.

use std::path::PathBuf;

pub const HELP: &str = "\
rinit beside its peers: cargo bench -- [OPTION]... [FILTER]...

  --rows FILTER     only rows whose name contains FILTER; several with a comma between. FILTER alone is the same
  --rounds N        so many rounds in place of each row's own number
  --quick           fewer rounds, and no more than 200 services: less than a minute
  --only NAME,...   these subjects alone (bare, and rinit built for musl, always)
  --markdown FILE   the tables as Markdown, into their place where FILE has one; - is standard output
  --json FILE       every figure as JSON
  --list            the rows, and what each of them is
";

#[derive(Debug, Default)]
pub struct Options {
    pub rows: Vec<String>,
    pub rounds: Option<usize>,
    pub quick: bool,
    pub only: Vec<String>,
    pub markdown: Option<PathBuf>,
    pub json: Option<PathBuf>,
    pub list: bool,
}

impl Options {
    /// `Err` is what to say in place of measuring.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word}: its value is missing\n{HELP}"));
            let list = |text: String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
            match word.as_str() {
                "--rows" => options.rows.extend(list(value()?)),
                "--rounds" => {
                    let text = value()?;
                    options.rounds = Some(text.parse().map_err(|_| format!("--rounds {text}: no number"))?);
                }
                "--quick" => options.quick = true,
                "--only" => options.only = list(value()?),
                "--markdown" => options.markdown = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                "--list" => options.list = true,
                "--bench" => {} // cargo's own
                _ if word.starts_with('-') => return Err(HELP.to_owned()),
                _ => options.rows.extend(list(word)),
            }
        }
        Ok(options)
    }

    pub fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|filter| row.contains(filter.as_str()))
    }

    /// Whether anything of these is wanted.
    pub fn wants_any(&self, rows: &[String]) -> bool {
        rows.iter().any(|row| self.wants(row))
    }

    pub fn wants_subject(&self, name: &str) -> bool {
        self.only.is_empty() || name == "rinit" || self.only.iter().any(|only| only == name)
    }

    /// How many rounds, where the row itself would have `usual`.
    pub fn rounds(&self, usual: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { usual.div_ceil(5) } else { usual })
    }
}
