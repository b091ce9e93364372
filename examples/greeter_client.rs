//! Calls the Greeter and prints its answer: `greeter_client [address] [name]`.
//!
//! Without an argument the address is `GREETER_ADDR`, else `http://127.0.0.1:8081`.

use std::env;
use std::error::Error;
use std::process::ExitCode;

use rootcap_proto::helloworld::HelloRequest;
use rootcap_proto::helloworld::greeter_client::GreeterClient;

const DEFAULT_ADDRESS: &str = "http://127.0.0.1:8081";

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let address = args
        .next()
        .or_else(|| env::var("GREETER_ADDR").ok())
        .unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
    let name = args.next().unwrap_or_else(|| "world".to_owned());

    match greet(&address, name).await {
        Ok(message) => {
            println!("{message}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// The greeting, or a text that says what is wrong.
async fn greet(address: &str, name: String) -> Result<String, String> {
    // The examples print `listening on <ip>:<port>`: what is printed can be given as it is.
    let url = match address.contains("://") {
        true => address.to_owned(),
        false => format!("http://{address}"),
    };
    let mut client = GreeterClient::connect(url).await.map_err(|error| {
        let reason = root_cause(&error);
        format!("cannot reach a server at {address}: {reason}\nstart one with `cargo run --example greeter`")
    })?;
    let reply = client
        .say_hello(HelloRequest { name })
        .await
        .map_err(|status| format!("the call failed: {}: {}", status.code(), status.message()))?;
    Ok(reply.into_inner().message)
}

fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
