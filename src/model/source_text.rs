//! What a definition says where `${NAME}` was put into a value: shown in place of the value, which may be secret.

/// The text of each value that contains `${`, by its key: `command`, `control.SIGHUP`, `environment.NAME`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceText {
    /// A command as its words, any other value as one.
    pub values: Vec<(String, Vec<String>)>,
}

impl SourceText {
    /// The text of a key, where `${NAME}` was put into its value.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.values.iter().find(|(known, _)| known == key).map(|(_, text)| text.as_slice())
    }
}
