//! The services of the examples and the tests: clients, servers and descriptors.

/// The Greeter.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; what has no docs has none in the .proto file"
)]
pub mod helloworld {
    tonic::include_proto!("helloworld");
}

/// The service that misbehaves on request.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; what has no docs has none in the .proto file"
)]
pub mod testing {
    tonic::include_proto!("rootcap.testing");
}

/// The service of gRPC's interoperability tests.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; what has no docs has none in the .proto file"
)]
pub mod interop {
    tonic::include_proto!("grpc.testing");
}

/// The descriptors of all services and of all that they import, without source information.
///
/// It is an encoded `google.protobuf.FileDescriptorSet`; the `google.api.http` options are in it.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::FILE_DESCRIPTOR_SET;
    use prost::Message;
    use prost::encoding::{WireType, encode_key, encode_varint};
    use prost_types::FileDescriptorSet;

    fn decoded() -> FileDescriptorSet {
        FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap()
    }

    #[test]
    fn the_set_is_closed_under_imports() {
        let set = decoded();
        let names: Vec<_> = set.file.iter().map(|file| file.name()).collect();
        for file in &set.file {
            for import in &file.dependency {
                assert!(names.contains(&import.as_str()), "{import} is missing");
            }
        }
        assert!(names.contains(&"helloworld.proto"));
        assert!(names.contains(&"rootcap/testing/faults.proto"));
        assert!(names.contains(&"grpc/testing/test.proto"));
    }

    #[test]
    fn the_set_has_no_source_information() {
        assert!(decoded().file.iter().all(|file| file.source_code_info.is_none()));
    }

    /// prost drops the option when it decodes the set, so the test looks for its bytes.
    #[test]
    fn the_set_keeps_the_http_option() {
        let rule = b"\x22\x0e/greeter/hello\x3a\x01*";
        let mut option = Vec::new();
        encode_key(72_295_728, WireType::LengthDelimited, &mut option);
        encode_varint(rule.len() as u64, &mut option);
        option.extend_from_slice(rule);
        assert!(FILE_DESCRIPTOR_SET.windows(option.len()).any(|window| window == option));
    }

    #[test]
    fn fields_are_numbered_in_the_order_of_the_methods_arguments() {
        let set = decoded();
        let file = set.file.iter().find(|file| file.package() == "rootcap.testing").unwrap();
        for message in &file.message_type {
            for (index, field) in message.field.iter().enumerate() {
                assert_eq!(field.number() as usize, index + 1, "{}", message.name());
            }
        }
    }
}
