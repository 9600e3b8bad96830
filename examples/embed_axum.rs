//! A small service that verifies models of protocols: whoever posts one hears its verdicts as they come.
//!
//! ```sh
//! cargo run --example embed_axum -- --port 8080            # and with --proverif PATH, if it is not in PATH
//! curl --data-binary @model.pv localhost:8080/models       # the model's id
//! curl -N localhost:8080/models/1                          # server-sent events: verdicts, then the end
//! curl -X DELETE localhost:8080/models/1                   # nobody wants to know it any more
//! ```

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{self, Sse};
use axum::routing::{get, post};
use futures_util::stream::{self, Stream};
use provisor::{
    Command, Event, Local, Plan, Ports, Preset, ProVerif, Query, Row, Runtime, RuntimeHandle, StopMethod,
    Subscription, Told,
};

/// Verdicts that may wait for who is slow to hear them; he is told what he has missed.
const HEARD_AT_ONCE: usize = 256;

#[derive(Clone)]
struct Service {
    handle: RuntimeHandle,
    proverif: String,
    folder: Arc<PathBuf>,
    number: Arc<AtomicU64>,
    /// Who has posted a model and not yet asked for its verdicts: they are kept for him from the start.
    unheard: Arc<Mutex<HashMap<u64, Subscription>>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    provisor::guardian::init();
    tokio::runtime::Runtime::new()?.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let (mut port, mut proverif) = ("0".to_owned(), "proverif".to_owned());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or("each option has a value")?;
        *match word.as_str() {
            "--port" => &mut port,
            "--proverif" => &mut proverif,
            _ => return Err(format!("there is no option {word}").into()),
        } = value;
    }
    let folder = std::env::temp_dir().join(format!("embed_axum-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let ports = Ports::new(Local::default().factory());
    let handle = Runtime::start(Plan::new("models", Vec::new()).at_once(2), ports).await?;
    let service = Service {
        handle: handle.clone(),
        proverif,
        folder: Arc::new(folder.clone()),
        number: Arc::default(),
        unheard: Arc::default(),
    };
    let app = Router::new()
        .route("/models", post(verify))
        .route("/models/{id}", get(hear).delete(forget))
        .with_state(service);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(interrupted).await?;
    handle.stop(StopMethod::Term).await?;
    Ok(std::fs::remove_dir_all(folder)?)
}

/// Takes a model in. The answer is its number.
async fn verify(State(service): State<Service>, model: String) -> Result<String, (StatusCode, String)> {
    let failed = |error: &dyn Error| (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"));
    let number = service.number.fetch_add(1, Ordering::Relaxed) + 1;
    let path = service.folder.join(format!("{number}.pv"));
    tokio::task::block_in_place(|| std::fs::write(&path, model)).map_err(|error| failed(&error))?;
    let command = Command::of([service.proverif.as_str(), &path.to_string_lossy()]);
    let query = Query::new(number.to_string(), command)
        .preset(Preset::ProVerif(ProVerif::default()))
        .wall(Duration::from_secs(600));
    let events = service.handle.subscribe(HEARD_AT_ONCE);
    service.handle.try_submit(query).await.map_err(|error| failed(&error))?;
    service.unheard.lock().unwrap_or_else(PoisonError::into_inner).insert(number, events);
    Ok(format!("{number}\n"))
}

/// What becomes of a model, from the beginning. It can be heard once.
async fn hear(
    State(service): State<Service>,
    Path(number): Path<u64>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, StatusCode> {
    let events = service.unheard.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    let events = events.ok_or(StatusCode::NOT_FOUND)?;
    let id = number.to_string();
    let told = stream::unfold(Some(events), move |events| {
        let id = id.clone();
        async move { next_of(&id, events?).await }
    });
    Ok(Sse::new(told))
}

/// The next thing that is about this model; after its end nothing follows.
async fn next_of(
    id: &str,
    mut events: Subscription,
) -> Option<(Result<sse::Event, Infallible>, Option<Subscription>)> {
    loop {
        let event = |name: &str, data: &str| Ok(sse::Event::default().event(name).data(data));
        match events.next().await? {
            Told::Missed(n) => return Some((event("missed", &n.to_string()), Some(events))),
            Told::Event { query, event: news } if query.as_deref() == Some(id) => match news {
                Event::Started { .. } => return Some((event("started", ""), Some(events))),
                Event::Verdict { verdict, .. } => return Some((event("verdict", &verdict), Some(events))),
                Event::Done(row) => return Some((event("done", &summary(&row)), None)),
                _ => {}
            },
            Told::Event { .. } => {}
        }
    }
}

fn summary(row: &Row) -> String {
    let verdict = row.outcome.judgement.verdict.as_deref().unwrap_or("no verdict");
    format!("{verdict} ({}, {:.1} s)", row.outcome.cause_word(), row.outcome.wall.as_secs_f64())
}

async fn forget(State(service): State<Service>, Path(number): Path<u64>) -> StatusCode {
    match service.handle.cancel(&number.to_string(), StopMethod::Term).await {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::NOT_FOUND,
    }
}
