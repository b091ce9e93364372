//! Reads descriptor sets: which services and methods there are, and of which kind.

use std::collections::HashSet;
use std::fmt;

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto};
use rootcap_layers::MethodKind;

/// A method that a descriptor set describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescribedMethod {
    /// The full name of the service, such as `helloworld.Greeter`.
    pub(crate) service: String,
    /// The method's own name, such as `SayHello`.
    pub(crate) method: String,
    /// Which sides stream; never [`MethodKind::Unknown`].
    pub(crate) kind: MethodKind,
}

/// Lists the methods of all sets, in their order; a file that occurs in several sets counts once.
///
/// # Errors
/// When a set is no encoded `FileDescriptorSet`, or when a file, service or method in it has no name.
pub(crate) fn methods(sets: &[&[u8]]) -> Result<Vec<DescribedMethod>, DescriptorError> {
    let mut seen = HashSet::new();
    let mut methods = Vec::new();
    for (index, set) in sets.iter().enumerate() {
        for file in decode(index, set)?.file {
            let name = file.name.clone().unwrap_or_default();
            if name.is_empty() {
                return Err(DescriptorError::unnamed(index, "a file".to_owned()));
            }
            if seen.insert(name) {
                methods_of(index, &file, &mut methods)?;
            }
        }
    }
    Ok(methods)
}

fn decode(index: usize, set: &[u8]) -> Result<FileDescriptorSet, DescriptorError> {
    FileDescriptorSet::decode(set)
        .map_err(|error| DescriptorError { index, problem: Problem::Malformed(error) })
}

fn methods_of(
    index: usize,
    file: &FileDescriptorProto,
    methods: &mut Vec<DescribedMethod>,
) -> Result<(), DescriptorError> {
    for service in &file.service {
        if service.name().is_empty() {
            let what = format!("a service of {:?}", file.name());
            return Err(DescriptorError::unnamed(index, what));
        }
        let name = match file.package() {
            "" => service.name().to_owned(),
            package => format!("{package}.{}", service.name()),
        };
        for method in &service.method {
            if method.name().is_empty() {
                let what = format!("a method of {name}");
                return Err(DescriptorError::unnamed(index, what));
            }
            methods.push(DescribedMethod {
                service: name.clone(),
                method: method.name().to_owned(),
                kind: kind(method),
            });
        }
    }
    Ok(())
}

fn kind(method: &MethodDescriptorProto) -> MethodKind {
    match (method.client_streaming(), method.server_streaming()) {
        (false, false) => MethodKind::Unary,
        (true, false) => MethodKind::ClientStream,
        (false, true) => MethodKind::ServerStream,
        (true, true) => MethodKind::BidiStream,
    }
}

/// A descriptor set that cannot be used; it says which one, counted from 1 in the order in which they were given.
#[derive(Debug)]
pub(crate) struct DescriptorError {
    index: usize,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Malformed(prost::DecodeError),
    Unnamed(String),
    Refused(tonic_reflection::server::Error),
}

impl DescriptorError {
    fn unnamed(index: usize, what: String) -> Self {
        Self { index, problem: Problem::Unnamed(what) }
    }

    /// What the reflection service says of a set that decodes.
    pub(crate) fn refused(index: usize, error: tonic_reflection::server::Error) -> Self {
        Self { index, problem: Problem::Refused(error) }
    }
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "descriptor set {} ", self.index + 1)?;
        match &self.problem {
            Problem::Malformed(_) => {
                f.write_str("is not an encoded google.protobuf.FileDescriptorSet")
            }
            Problem::Unnamed(what) => write!(f, "has {what} without a name"),
            Problem::Refused(_) => f.write_str("cannot be served by reflection"),
        }
    }
}

impl std::error::Error for DescriptorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Malformed(error) => Some(error),
            Problem::Unnamed(_) => None,
            Problem::Refused(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::error::Error;

    use prost::Message;
    use prost_types::{
        FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
    };

    use super::{MethodKind, methods};

    fn set(file: FileDescriptorProto) -> Vec<u8> {
        FileDescriptorSet { file: vec![file] }.encode_to_vec()
    }

    fn file(package: &str, service: Option<&str>, method: Option<&str>) -> FileDescriptorProto {
        FileDescriptorProto {
            name: Some("a.proto".to_owned()),
            package: Some(package.to_owned()),
            service: vec![ServiceDescriptorProto {
                name: service.map(str::to_owned),
                method: vec![MethodDescriptorProto {
                    name: method.map(str::to_owned),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn every_method_is_listed_with_its_kind() {
        let found = methods(&[rootcap_proto::FILE_DESCRIPTOR_SET]).unwrap();
        let kind = |service: &str, method: &str| {
            let named = |m: &&_| -> bool {
                let m: &super::DescribedMethod = m;
                m.service == service && m.method == method
            };
            found.iter().find(named).unwrap().kind
        };
        assert_eq!(found.len(), 22);
        assert_eq!(kind("helloworld.Greeter", "SayHello"), MethodKind::Unary);
        assert_eq!(kind("rootcap.testing.Faults", "Stream"), MethodKind::ServerStream);
        assert_eq!(kind("rootcap.testing.Faults", "Collect"), MethodKind::ClientStream);
        assert_eq!(kind("rootcap.testing.Faults", "Chat"), MethodKind::BidiStream);
    }

    #[test]
    fn a_file_in_two_sets_counts_once() {
        let once = methods(&[rootcap_proto::FILE_DESCRIPTOR_SET]).unwrap();
        let twice = methods(&[rootcap_proto::FILE_DESCRIPTOR_SET; 2]).unwrap();
        assert_eq!(once, twice);
    }

    #[test]
    fn the_health_descriptors_describe_the_protocol() {
        let found = methods(&[crate::health::FILE_DESCRIPTOR_SET]).unwrap();
        let names: Vec<_> = found.iter().map(|m| (m.method.as_str(), m.kind)).collect();
        let expected = [
            ("Check", MethodKind::Unary),
            ("List", MethodKind::Unary),
            ("Watch", MethodKind::ServerStream),
        ];
        assert_eq!(names, expected);
        assert!(found.iter().all(|m| m.service == "grpc.health.v1.Health"));
    }

    #[test]
    fn a_service_without_a_package_has_its_plain_name() {
        let set = set(file("", Some("Plain"), Some("Call")));
        assert_eq!(methods(&[&set]).unwrap()[0].service, "Plain");
    }

    #[test]
    fn no_set_is_no_method() {
        assert_eq!(methods(&[]).unwrap(), []);
    }

    #[test]
    fn a_set_that_does_not_decode_is_named() {
        let error = methods(&[rootcap_proto::FILE_DESCRIPTOR_SET, b"no set"]).unwrap_err();
        let text = "descriptor set 2 is not an encoded google.protobuf.FileDescriptorSet";
        assert_eq!(error.to_string(), text);
        assert!(error.source().is_some());
    }

    #[test]
    fn what_has_no_name_is_an_error() {
        let unnamed_file = FileDescriptorProto::default();
        let cases = [
            (unnamed_file, "has a file without a name"),
            (file("p", None, Some("Call")), "has a service of \"a.proto\" without a name"),
            (file("p", Some("S"), None), "has a method of p.S without a name"),
        ];
        for (file, text) in cases {
            let error = methods(&[&set(file)]).unwrap_err();
            assert_eq!(error.to_string(), format!("descriptor set 1 {text}"));
        }
    }
}
