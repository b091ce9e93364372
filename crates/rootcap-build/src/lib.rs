//! The version of the commit a server was built from, for a build script.
