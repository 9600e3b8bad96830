//! The same runtime within actix-web: whoever asks for a word gets what a process made of it, and at most two work at a time.
//!
//! ```sh
//! cargo run --example embed_actix_web -- 8080
//! curl localhost:8080/upper/hello                          # HELLO
//! curl localhost:8080/                                     # how many were asked, run and are done
//! ```

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use actix_web::{App, HttpServer, error, get, web};
use provisor::{
    Command, Local, Pattern, Plan, Ports, Query, Rule, Runtime, RuntimeHandle, Stdin, StopMethod,
};
use std::sync::atomic::{AtomicU64, Ordering};

static NUMBER: AtomicU64 = AtomicU64::new(0);

fn main() -> Result<(), Box<dyn Error>> {
    provisor::guardian::init();
    actix_web::rt::System::new().block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".into());
    let ports = Ports::new(Local::default().factory());
    let handle = Runtime::start(Plan::new("words", Vec::new()).at_once(2), ports).await?;
    let shared = web::Data::new(handle.clone());
    let server = HttpServer::new(move || App::new().app_data(shared.clone()).service(upper).service(counts));
    let server = server.workers(1).bind(format!("127.0.0.1:{port}"))?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await?;
    handle.stop(StopMethod::Kill).await?;
    Ok(())
}

#[get("/upper/{word}")]
async fn upper(handle: web::Data<RuntimeHandle>, word: web::Path<String>) -> Result<String, error::Error> {
    let id = format!("word-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let command = Command::new(["tr", "[:lower:]", "[:upper:]"]).reads(Stdin::Text(word.as_str().into()));
    let whole_line = Rule::on(Pattern::Regex(".+".into())).says("said").value(0);
    let ticket = handle.submit(Query::new(id, command).rule(whole_line)).await;
    let row =
        ticket.map_err(error::ErrorServiceUnavailable)?.await.map_err(error::ErrorServiceUnavailable)?;
    let said = row.outcome.judgement.value.as_deref();
    Ok(format!("{}\n", said.unwrap_or_else(|| row.outcome.cause_word())))
}

#[get("/")]
async fn counts(handle: web::Data<RuntimeHandle>) -> String {
    let counts = handle.counts().borrow().clone();
    format!("{} asked, {} running, {} done\n", counts.total, counts.running, counts.done)
}
