//! `bank-simulators serve`: all pretend partners behind one address.

use std::{io::IsTerminal, process::ExitCode};

use bank_simulators::{app, settings::Settings};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Pretend banks, gateways and a pretend portal, honest and dishonest on command.
#[derive(Debug, Parser)]
#[command(name = "bank-simulators", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve all partners, the control calls and the reference portal.
    Serve(Box<Settings>),
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("SIM_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,hyper=warn,reqwest=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let Command::Serve(settings) = CommandLine::parse().command;
    match app::serve(*settings, stop_asked()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the simulators cannot serve");
            ExitCode::FAILURE
        }
    }
}

async fn stop_asked() {
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
