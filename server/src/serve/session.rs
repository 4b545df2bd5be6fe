//! Sessions in the console's database, and who they belong to.

use async_trait::async_trait;
use axum::extract::ConnectInfo;
use axum::http::Extensions;
use paddock_app::api::Session as AppSession;
use paddock_console::{Actor, Console};
use paddock_events::{PersonId, Problem};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use time::OffsetDateTime;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result, SessionStore};

/// Key of the person's id in a session.
const PERSON: &str = "person";

/// Keeps sessions where everything else is kept.
#[derive(Clone)]
pub(crate) struct Store(pub(crate) Console);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

fn backend(problem: &paddock_events::Problem) -> Error {
    Error::Backend(problem.to_string())
}

#[async_trait]
impl SessionStore for Store {
    async fn save(&self, record: &Record) -> Result<()> {
        let data = serde_json::to_vec(&record.data).map_err(|error| Error::Encode(error.to_string()))?;
        let expires = record.expiry_date.unix_timestamp();
        let person = record.data.get(PERSON).and_then(serde_json::Value::as_i64).map(PersonId);
        let saved = self.0.session_save(&record.id.to_string(), person, &data, expires).await;
        saved.map_err(|problem| backend(&problem))
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found = self.0.session_load(&id.to_string()).await.map_err(|problem| backend(&problem))?;
        let Some((data, expires)) = found else { return Ok(None) };
        let data = serde_json::from_slice(&data).map_err(|error| Error::Decode(error.to_string()))?;
        let expiry_date =
            OffsetDateTime::from_unix_timestamp(expires).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.session_delete(&id.to_string()).await.map_err(|problem| backend(&problem))
    }
}

/// Who a request comes from. A person who was removed is nobody.
pub(crate) async fn who(
    console: &Console,
    session: &tower_sessions::Session,
    address: Option<IpAddr>,
) -> AppSession {
    let person: Option<i64> = match session.get(PERSON).await {
        Ok(person) => person,
        Err(error) => {
            tracing::error!(%error, "cannot read a session");
            None
        }
    };
    let Some(person) = person else { return AppSession::default() };
    let actor = console.actor(PersonId(person)).await.ok().map(|actor| actor.at(address));
    AppSession { actor, id: session.id().map(|id| id.to_string()) }
}

/// Where a request comes from; none where the router is asked without a socket.
pub(crate) fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical())
}

/// Begins the session of whoever has signed in, or gives the code of what was in the way.
pub(crate) async fn admit(
    session: &tower_sessions::Session,
    signed_in: std::result::Result<Actor, Problem>,
) -> std::result::Result<(), String> {
    let actor = signed_in.map_err(|problem| problem.code)?;
    begin(session, actor.id()).await.map_err(|error| {
        tracing::error!(%error, "cannot begin a session");
        "console/internal".to_owned()
    })
}

/// Under a new id, so that an id known before sign-in is worth nothing.
async fn begin(
    session: &tower_sessions::Session,
    person: PersonId,
) -> std::result::Result<(), tower_sessions::session::Error> {
    session.cycle_id().await?;
    session.insert(PERSON, person.0).await
}
