//! The binary: hands over to `cli` and ends with its exit status.

#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
rinit::entry!(rinit::cli::run);
