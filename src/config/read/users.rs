//! Users and groups out of `etc/passwd` and `etc/group`, read by rinit itself: a static glibc cannot load the
//! modules that `getpwnam` wants.

use crate::config::files;
use crate::model::User;
use std::cell::OnceCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Why a user cannot be found.
#[derive(Debug, PartialEq)]
pub(crate) enum Problem {
    /// It is not written as a user is.
    Form,
    /// No such name in the file.
    UnknownUser { name: String, known: Vec<String>, file: String },
    /// No such name in the file.
    UnknownGroup { name: String, known: Vec<String>, file: String },
    /// A name is to be looked up, and the file cannot be read.
    Unreadable { name: String, file: String, reason: String },
}

/// The two files, read when the first user is to be looked up.
pub(crate) struct Accounts {
    passwd: Database,
    group: Database,
}

impl Accounts {
    /// Those below `root`.
    pub fn new(root: &Path) -> Accounts {
        Accounts {
            passwd: Database::new(root.join("etc/passwd")),
            group: Database::new(root.join("etc/group")),
        }
    }

    /// Finds `NAME` or `UID`, either with `:GROUP` or `:GID`, as Docker does: with a group, the user is in that
    /// group alone; else in its own and those that list it. A number without an entry is taken as it is, with group
    /// 0 and the home `/`.
    ///
    /// # Errors
    /// `Form` for text of another form, `UnknownUser` or `UnknownGroup` for a name that the file does not list, and
    /// `Unreadable` where the file that would list it cannot be read.
    pub fn resolve(&self, text: &str) -> Result<User, Problem> {
        let (who, group) = match text.split_once(':') {
            Some((who, group)) => (who, Some(group)),
            None => (text, None),
        };
        if who.is_empty() || group.is_some_and(|group| group.is_empty() || group.contains(':')) {
            return Err(Problem::Form);
        }
        let mut user = match (find_user(self.passwd.text(), who), number(who)) {
            (Some(user), _) => user,
            (None, Some(uid)) => User { uid, home: Some(PathBuf::from("/")), ..User::default() },
            (None, None) => {
                return Err(self.passwd.unknown(who, |name, known, file| Problem::UnknownUser {
                    name,
                    known,
                    file,
                }));
            }
        };
        user.groups = match group {
            Some(group) => {
                user.gid = self.group_id(group)?;
                vec![user.gid]
            }
            None => groups_of(self.group.text(), &user),
        };
        Ok(user)
    }

    /// Finds a group by its name or number.
    ///
    /// # Errors
    /// `UnknownGroup` for a name that `etc/group` does not list, `Unreadable` where that file cannot be read.
    pub fn group_id(&self, group: &str) -> Result<u32, Problem> {
        let found = entries(self.group.text()).find(|fields| fields.first() == Some(&group.as_bytes()));
        found.and_then(|fields| id(&fields, 2)).or_else(|| number(group)).ok_or_else(|| {
            self.group.unknown(group, |name, known, file| Problem::UnknownGroup { name, known, file })
        })
    }
}

/// One of the two files.
struct Database {
    path: PathBuf,
    text: OnceCell<Result<Vec<u8>, String>>,
}

impl Database {
    fn new(path: PathBuf) -> Database {
        Database { path, text: OnceCell::new() }
    }

    fn contents(&self) -> &Result<Vec<u8>, String> {
        self.text.get_or_init(|| files::read(&self.path))
    }

    /// Its text; empty where it cannot be read, for an image need not have it.
    fn text(&self) -> &[u8] {
        self.contents().as_deref().unwrap_or_default()
    }

    fn unknown(&self, name: &str, problem: fn(String, Vec<String>, String) -> Problem) -> Problem {
        let (name, file) = (name.to_owned(), self.path.display().to_string());
        match self.contents() {
            Err(reason) => Problem::Unreadable { name, file, reason: reason.clone() },
            Ok(text) => {
                let names = entries(text).filter_map(|fields| fields.first().copied());
                problem(name, names.map(|name| String::from_utf8_lossy(name).into_owned()).collect(), file)
            }
        }
    }
}

/// A number that can be a user or a group. The largest is kept for "leave it as it is".
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits && *n != u32::MAX)
}

/// The entries of a file, each in its fields.
fn entries(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| line.split(|b| *b == b':').collect())
}

fn id(fields: &[&[u8]], index: usize) -> Option<u32> {
    number(std::str::from_utf8(fields.get(index)?).ok()?)
}

/// `name:password:uid:gid:comment:home:shell`. A name goes before a number.
fn find_user(passwd: &[u8], who: &str) -> Option<User> {
    let named =
        entries(passwd).find_map(|fields| (fields.first()? == &who.as_bytes()).then(|| user(&fields))?);
    let uid = number(who);
    named.or_else(|| entries(passwd).filter_map(|fields| user(&fields)).find(|user| Some(user.uid) == uid))
}

fn user(fields: &[&[u8]]) -> Option<User> {
    let home =
        fields.get(5).filter(|home| !home.is_empty()).map_or(OsStr::new("/"), |home| OsStr::from_bytes(home));
    Some(User {
        name: Some(String::from_utf8_lossy(fields.first()?).into_owned()),
        uid: id(fields, 2)?,
        gid: id(fields, 3)?,
        groups: Vec::new(),
        home: Some(PathBuf::from(home)),
    })
}

/// The user's own group first, then those whose entries list it: `name:password:gid:member,member`.
fn groups_of(group: &[u8], user: &User) -> Vec<u32> {
    let mut groups = vec![user.gid];
    let Some(name) = &user.name else { return groups };
    for fields in entries(group) {
        let members = fields.get(3).copied().unwrap_or_default();
        let member = members.split(|b| *b == b',').any(|member| member == name.as_bytes());
        if let Some(gid) = id(&fields, 2).filter(|gid| member && !groups.contains(gid)) {
            groups.push(gid);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n# odd\nbroken:x:y\n\
        www-data:x:33:33:caf\xe9:/var/www:/bin/false\nhomeless:x:7:7\n1001:x:1002:1002::/n:\n";
    const GROUP: &[u8] =
        b"root:x:0:\nwww-data:x:33:www-data\nadm:x:4:root,www-data\nssl:x:101:www-data\nbad:x\n";

    fn accounts() -> Accounts {
        let accounts = Accounts::new(Path::new("/r"));
        accounts.passwd.text.set(Ok(PASSWD.to_vec())).unwrap();
        accounts.group.text.set(Ok(GROUP.to_vec())).unwrap();
        accounts
    }

    /// uid, gid, groups, name, home.
    fn resolved(text: &str) -> (u32, u32, Vec<u32>, String, String) {
        let user = accounts().resolve(text).unwrap();
        (
            user.uid,
            user.gid,
            user.groups,
            user.name.unwrap_or_default(),
            user.home.unwrap().display().to_string(),
        )
    }

    #[test]
    fn users_are_found_as_docker_finds_them() {
        let www = ("www-data".to_owned(), "/var/www".to_owned());
        assert_eq!(resolved("www-data"), (33, 33, vec![33, 4, 101], www.0.clone(), www.1.clone()));
        assert_eq!(resolved("33"), resolved("www-data"));
        assert_eq!(resolved("www-data:adm"), (33, 4, vec![4], www.0.clone(), www.1.clone()));
        assert_eq!(resolved("www-data:999"), (33, 999, vec![999], www.0, www.1));
        assert_eq!(resolved("1000"), (1000, 0, vec![0], String::new(), "/".into()));
        assert_eq!(resolved("1000:1000"), (1000, 1000, vec![1000], String::new(), "/".into()));
        assert_eq!(resolved("homeless").4, "/");
        // A name made of digits is a name.
        assert_eq!(resolved("1001").0, 1002);
    }

    #[test]
    fn what_is_not_there_is_named() {
        for text in ["", ":", "root:", ":root", "a:b:c"] {
            assert_eq!(accounts().resolve(text), Err(Problem::Form), "{text}");
        }
        for text in ["www-dta", "-1", "+1", "4294967295", "4294967296", "broken"] {
            assert!(matches!(accounts().resolve(text), Err(Problem::UnknownUser { .. })), "{text}");
        }
        assert!(matches!(accounts().resolve("root:bad"), Err(Problem::UnknownGroup { .. })));
        let nowhere = Accounts::new(Path::new("/nonexistent"));
        assert!(matches!(nowhere.resolve("root"), Err(Problem::Unreadable { .. })));
        assert_eq!(nowhere.resolve("5:6").unwrap().groups, [6]);
    }
}
