//! The keys of `ulimits`, with the names of Compose and `prlimit`.

use super::super::ulimits;
use super::Key;
use crate::model::Resource;

macro_rules! limit {
    ($name:literal, $resource:ident, $meaning:literal, $example:literal) => {
        Key {
            name: $name,
            kind: "whole number, unlimited, or table",
            default: "that of rinit",
            meaning: $meaning,
            example: concat!($name, " = ", $example),
            keys: &[],
            read: |reader, value, draft| {
                ulimits::ulimit(reader, value, draft, $name, Resource::$resource);
            },
        }
    };
}

/// The keys of `ulimits`.
pub static ULIMITS: &[Key] = &[
    limit!("as", As, "address space, bytes", r#""unlimited""#),
    limit!("core", Core, "size of a core file, bytes", "0"),
    limit!("cpu", Cpu, "processor time, seconds", "3600"),
    limit!("data", Data, "data segment, bytes", "1_000_000_000"),
    limit!("fsize", Fsize, "size of a file that it writes, bytes", "1_000_000_000"),
    limit!("locks", Locks, "number of file locks", "100"),
    limit!("memlock", Memlock, "locked memory, bytes", r#""unlimited""#),
    limit!("msgqueue", Msgqueue, "bytes in message queues", "819_200"),
    limit!("nice", Nice, "how high it may raise its priority: 20 less the nice value", "30"),
    limit!("nofile", Nofile, "highest descriptor, plus one", "65536"),
    limit!("nproc", Nproc, "processes of its user", "{ soft = 512, hard = 1024 }"),
    limit!("rss", Rss, "resident set, bytes; Linux ignores it", r#""unlimited""#),
    limit!("rtprio", Rtprio, "real-time priority", "50"),
    limit!("rttime", Rttime, "real-time processor time without a wait, microseconds", "200_000"),
    limit!("sigpending", Sigpending, "queued signals of its user", "1000"),
    limit!("stack", Stack, "stack, bytes", "8_388_608"),
];

/// The keys of one limit.
pub static ULIMIT: &[Key] = &[
    Key {
        name: "soft",
        kind: "whole number, or unlimited",
        default: "",
        meaning: "the limit in force",
        example: "soft = 1024",
        keys: &[],
        read: ulimits::soft,
    },
    Key {
        name: "hard",
        kind: "whole number, or unlimited",
        default: "",
        meaning: "the highest value to which the process may raise it",
        example: r#"hard = "unlimited""#,
        keys: &[],
        read: ulimits::hard,
    },
];
