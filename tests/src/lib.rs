//! What the tests share: servers, clients and programs to find.
