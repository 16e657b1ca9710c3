//! RabbitMQ: a transport that may lose everything. PostgreSQL is the only truth.
//!
//! Connections recover by our own loop, never by the library's: on any error the whole connection
//! is dropped, made again, and the topology declared again. Every publish and confirm has a
//! time-out, because a blocked broker does not answer at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::faults;
use super::outbox::{MessageKind, Row};
use super::settings::BrokerSettings;

/// A publish, a confirm or a declaration that takes longer has failed.
const BROKER_ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// A consumer's work on one message that takes longer has failed; far below the broker's 30 min.
const HANDLER_DEADLINE: Duration = Duration::from_mins(1);
/// How often a connection is looked at while nothing comes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Deliveries of one message before it is parked.
const DELIVERY_LIMIT: i32 = 5;
/// Pointers of one message.
const MOST_POINTERS: usize = 32;

const EXCHANGE: &str = "payclear.events";
const PARKED_EXCHANGE: &str = "payclear.parked";
const PARKED_QUEUE: &str = "parked.v1";
/// The queue of notices to portals.
pub const NOTICES_QUEUE: &str = "notices.v1";

/// The queue of orders for one partner.
pub fn collect_queue(partner: &str) -> String {
    format!("collect.{partner}.v1")
}

/// The queues and what is routed to each: the whole topology, besides the parked queue.
pub fn topology(partners: &[String]) -> Vec<(String, String)> {
    let mut queues: Vec<_> = partners
        .iter()
        .map(|p| (collect_queue(p), routing_key(MessageKind::CollectionRequested, p)))
        .collect();
    queues.push((NOTICES_QUEUE.to_owned(), routing_key(MessageKind::NoticeDue, "")));
    queues
}

fn routing_key(kind: MessageKind, route: &str) -> String {
    if route.is_empty() { kind.as_str().to_owned() } else { format!("{kind}.{route}") }
}

/// Why the broker did not do it.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The connection or the channel failed.
    #[error("broker: {0}")]
    Lapin(#[from] lapin::Error),
    /// No answer in time: blocked, frozen or gone.
    #[error("broker: no answer within {} s", BROKER_ANSWERS_WITHIN.as_secs())]
    Silent,
    /// Taken, but stored in no queue.
    #[error("broker: the message was returned: no queue takes {0}")]
    Returned(String),
    /// Not taken.
    #[error("broker: the message was refused")]
    Refused,
}

async fn within<T>(work: impl Future<Output = Result<T, lapin::Error>>) -> Result<T, BrokerError> {
    match tokio::time::timeout(BROKER_ANSWERS_WITHIN, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(BrokerError::Silent),
    }
}

/// Opens a connection of its own.
pub async fn connect(settings: &BrokerSettings, name: &str) -> Result<Connection, BrokerError> {
    let properties =
        ConnectionProperties::default().with_connection_name(format!("payclear {name}").into());
    let url = if settings.url.contains("heartbeat=") {
        settings.url.clone()
    } else {
        let joint = if settings.url.contains('?') { '&' } else { '?' };
        format!("{}{joint}heartbeat=10", settings.url)
    };
    within(Connection::connect(&url, properties)).await
}

/// Does the broker answer now?
pub async fn answers(settings: &BrokerSettings) -> bool {
    let ask = async {
        let connection = connect(settings, "ready").await?;
        within(connection.close(200, "bye".into())).await
    };
    matches!(tokio::time::timeout(Duration::from_secs(2), ask).await, Ok(Ok(())))
}

/// Declares exchange, queues and bindings; all quorum queues, dead letters kept at least once.
///
/// Returns the queues that are empty of messages: a queue that was just made is one of them.
pub async fn declare(
    channel: &Channel,
    settings: &BrokerSettings,
    partners: &[String],
) -> Result<Vec<String>, BrokerError> {
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    for exchange in [EXCHANGE, PARKED_EXCHANGE] {
        let name = named(settings, exchange);
        within(channel.exchange_declare(
            name.as_str().into(),
            ExchangeKind::Topic,
            durable,
            FieldTable::default(),
        ))
        .await?;
    }
    let parked = named(settings, PARKED_QUEUE);
    declare_queue(channel, &parked, quorum()).await?;
    bind(channel, &parked, &named(settings, PARKED_EXCHANGE), "#").await?;
    let mut empty = Vec::new();
    for (queue, key) in topology(partners) {
        let mut arguments = quorum();
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        text(&mut arguments, "x-dead-letter-exchange", &named(settings, PARKED_EXCHANGE));
        text(&mut arguments, "x-dead-letter-strategy", "at-least-once");
        text(&mut arguments, "x-overflow", "reject-publish");
        let name = named(settings, &queue);
        if declare_queue(channel, &name, arguments).await? == 0 {
            empty.push(queue.clone());
        }
        bind(channel, &name, &named(settings, EXCHANGE), &key).await?;
    }
    Ok(empty)
}

/// The name of an exchange or a queue at this broker.
pub fn named(settings: &BrokerSettings, name: &str) -> String {
    format!("{}{name}", settings.prefix)
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    text(&mut arguments, "x-queue-type", "quorum");
    arguments
}

fn text(arguments: &mut FieldTable, key: &str, value: &str) {
    arguments.insert(ShortString::from(key), AMQPValue::LongString(LongString::from(value)));
}

async fn declare_queue(
    channel: &Channel,
    name: &str,
    arguments: FieldTable,
) -> Result<u32, BrokerError> {
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    let queue = within(channel.queue_declare(name.into(), options, arguments)).await?;
    Ok(queue.message_count())
}

async fn bind(
    channel: &Channel,
    queue: &str,
    exchange: &str,
    key: &str,
) -> Result<(), BrokerError> {
    within(channel.queue_bind(
        queue.into(),
        exchange.into(),
        key.into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    ))
    .await
}

/// The words of a message on the wire: pointers of one kind and route that were written at about
/// the same time. A quorum queue works for a message, not for its bytes. Old versions keep a reader
/// until their queues are drained.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Envelope {
    /// Version of this form.
    version: u8,
    /// What the pointers say.
    kind: String,
    /// What they point to.
    pointers: Vec<Pointer>,
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pointer {
    /// The row that it points to.
    pub subject: uuid::Uuid,
    /// The step of the subject; 0 when it has none.
    pub sequence: i32,
    /// The trace to go on with.
    #[serde(default)]
    pub trace: String,
}

/// The rows of each message: of one kind and route, in the order of the outbox.
fn messages(rows: &[Row]) -> Vec<Vec<&Row>> {
    let mut by_key: BTreeMap<(&str, &str), Vec<Vec<&Row>>> = BTreeMap::new();
    for row in rows {
        let messages = by_key.entry((&row.kind, &row.route)).or_default();
        match messages.last_mut() {
            Some(message) if message.len() < MOST_POINTERS => message.push(row),
            _ => messages.push(vec![row]),
        }
    }
    by_key.into_values().flatten().collect()
}

/// What became of rows that were published. What is in neither list was refused: a queue is full.
#[derive(Debug, Default)]
pub struct Published {
    /// Stored by the broker.
    pub stored: Vec<i64>,
    /// No queue takes them.
    pub returned: Vec<i64>,
}

/// A channel that publishes with confirms. One per task, never shared: returned messages are told
/// in the channel's own order.
pub struct Publisher {
    connection: Connection,
    channel: Channel,
    exchange: String,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Publisher")
    }
}

impl Publisher {
    /// Connects, asks for confirms, declares the topology; also returns the queues that are empty.
    pub async fn open(
        settings: &BrokerSettings,
        partners: &[String],
    ) -> Result<(Self, Vec<String>), BrokerError> {
        let connection = connect(settings, "publish").await?;
        let channel = within(connection.create_channel()).await?;
        within(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let empty = declare(&channel, settings, partners).await?;
        let exchange = named(settings, EXCHANGE);
        Ok((Self { connection, channel, exchange }, empty))
    }

    /// Publishes rows and waits until the broker has confirmed each; tells what became of them.
    pub async fn publish(&self, rows: &[Row]) -> Result<Published, BrokerError> {
        let mut confirms = Vec::new();
        for rows in messages(rows) {
            let Some(first) = rows.first().copied() else { continue };
            let pointers = rows.iter().map(|row| Pointer {
                subject: row.subject,
                sequence: row.sequence,
                trace: row.trace.clone(),
            });
            let envelope =
                Envelope { version: 1, kind: first.kind.clone(), pointers: pointers.collect() };
            let body = serde_json::to_vec(&envelope).unwrap_or_default();
            let key = if first.route.is_empty() {
                first.kind.clone()
            } else {
                format!("{}.{}", first.kind, first.route)
            };
            let properties = BasicProperties::default()
                .with_content_type("application/json".into())
                .with_delivery_mode(2)
                .with_type(first.kind.as_str().into())
                .with_message_id(format!("{}-{}", first.subject, first.sequence).into());
            let options = BasicPublishOptions { mandatory: true, immediate: false };
            let confirm = within(self.channel.basic_publish(
                self.exchange.as_str().into(),
                key.as_str().into(),
                options,
                &body,
                properties,
            ))
            .await?;
            confirms.push((rows, confirm));
        }
        faults::point("relay.published");
        let mut published = Published::default();
        for (rows, confirm) in confirms {
            let Some(first) = rows.first().copied() else { continue };
            let ids = rows.iter().map(|row| row.outbox_id);
            // An acknowledgement alone does not mean "stored": a message that no queue takes is
            // returned and acknowledged all the same.
            match within(confirm).await? {
                lapin::Confirmation::Ack(None) => published.stored.extend(ids),
                lapin::Confirmation::Ack(Some(_)) => {
                    let (kind, route) = (&first.kind, &first.route);
                    tracing::error!(kind, route, "no queue takes a message");
                    metrics::counter!("payclear_messages_returned_total").increment(1);
                    published.returned.extend(ids);
                }
                _ => {
                    tracing::warn!(kind = first.kind, "the broker refused a message");
                    metrics::counter!("payclear_messages_refused_total").increment(1);
                }
            }
        }
        Ok(published)
    }

    /// Which queues hold no message now.
    pub async fn empty_queues(
        &self,
        settings: &BrokerSettings,
        partners: &[String],
    ) -> Result<Vec<String>, BrokerError> {
        declare(&self.channel, settings, partners).await
    }

    /// Is the connection still up?
    pub fn is_open(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Closes politely.
    pub async fn close(self) {
        let _ = within(self.connection.close(200, "bye".into())).await;
    }
}

/// What shall become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Its effect is committed (or there was none to have).
    Done,
    /// Come again: counts towards the delivery limit.
    Again(&'static str),
    /// It can never be handled: to the parked queue, where people see it.
    Park(String),
}

/// A room that takes messages.
pub trait Consumer: Send + Sync + 'static {
    /// Handles what one pointer points to; its effect is committed before this returns.
    fn handle(&self, pointer: Pointer) -> impl Future<Output = Fate> + Send;
}

/// Takes messages from a queue until `stop`, reconnecting for ever; then lets what is under way
/// finish.
pub async fn consume<C: Consumer>(
    settings: BrokerSettings,
    queue: String,
    prefetch: u16,
    consumer: Arc<C>,
    partners: Vec<String>,
    stop: CancellationToken,
) {
    let mut pause = Duration::from_millis(200);
    let under_way = TaskTracker::new();
    let take = Take { queue: &queue, prefetch, consumer: &consumer, under_way: &under_way };
    while !stop.is_cancelled() {
        match take.until_broken(&settings, &partners, &stop).await {
            Ok(()) => pause = Duration::from_millis(200),
            Err(error) => tracing::warn!(queue, %error, "consuming stopped; trying again"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
    under_way.close();
    under_way.wait().await;
}

struct Take<'c, C> {
    queue: &'c str,
    prefetch: u16,
    consumer: &'c Arc<C>,
    under_way: &'c TaskTracker,
}

impl<C: Consumer> Take<'_, C> {
    /// Takes messages over one connection, until `stop` or until the connection breaks. What is
    /// under way then goes on by itself: it must not keep the next connection waiting.
    async fn until_broken(
        &self,
        settings: &BrokerSettings,
        partners: &[String],
        stop: &CancellationToken,
    ) -> Result<(), BrokerError> {
        use futures_util::StreamExt;
        let (queue, prefetch) = (self.queue, self.prefetch);
        let connection = connect(settings, queue).await?;
        let channel = within(connection.create_channel()).await?;
        declare(&channel, settings, partners).await?;
        within(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let name = named(settings, queue);
        let mut deliveries = within(channel.basic_consume(
            name.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        ))
        .await?;
        within(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let exchange = named(settings, PARKED_EXCHANGE);
        let parking = Arc::new(Parking { channel: channel.clone(), exchange });
        tracing::info!(queue, prefetch, "consuming");
        let outcome = loop {
            let next = tokio::select! {
                () = stop.cancelled() => break Ok(()),
                next = deliveries.next() => next,
                // Not every end of a connection is told to its consumers.
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if connection.status().connected() && channel.status().connected() {
                        continue;
                    }
                    None
                }
            };
            match next {
                Some(Ok(delivery)) => {
                    let (consumer, parking) = (Arc::clone(self.consumer), Arc::clone(&parking));
                    self.under_way.spawn(handle(consumer, delivery, parking));
                }
                Some(Err(error)) => break Err(error.into()),
                None => break Err(BrokerError::Silent),
            }
        };
        if outcome.is_ok() {
            self.under_way.close();
            self.under_way.wait().await;
        }
        let _ = within(connection.close(200, "bye".into())).await;
        outcome
    }
}

/// Hands every pointer of a message over, all at once: what becomes of the message, and the
/// pointers that can never be handled while others of it can.
///
/// One that must come again decides for the whole message: the others' effects absorb the repeat.
async fn hand_over<C: Consumer>(consumer: &C, envelope: Envelope) -> (Fate, Vec<Pointer>) {
    let handled = envelope.pointers.into_iter().map(async |pointer| {
        let fate = consumer.handle(pointer.clone()).await;
        (pointer, fate)
    });
    let handled = futures_util::future::join_all(handled).await;
    let again = handled.iter().find(|(_, fate)| matches!(fate, Fate::Again(_)));
    if let Some((_, fate)) = again {
        return (fate.clone(), Vec::new());
    }
    if let [(_, fate)] = handled.as_slice() {
        return (fate.clone(), Vec::new());
    }
    let hopeless = handled.into_iter().filter_map(|(pointer, fate)| match fate {
        Fate::Park(why) => {
            tracing::error!(subject = %pointer.subject, why, "a part of a message is parked");
            Some(pointer)
        }
        Fate::Done | Fate::Again(_) => None,
    });
    (Fate::Done, hopeless.collect())
}

/// Where consumers put what can never be handled.
struct Parking {
    channel: Channel,
    exchange: String,
}

impl Parking {
    /// Parks some pointers of a message whose others were handled.
    async fn park(&self, like: &Delivery, pointers: Vec<Pointer>) -> Result<(), BrokerError> {
        if pointers.is_empty() {
            return Ok(());
        }
        let kind = like.routing_key.as_str().to_owned();
        let body = serde_json::to_vec(&Envelope { version: 1, kind, pointers }).unwrap_or_default();
        let confirm = within(self.channel.basic_publish(
            self.exchange.as_str().into(),
            like.routing_key.clone(),
            BasicPublishOptions { mandatory: true, immediate: false },
            &body,
            like.properties.clone(),
        ))
        .await?;
        match within(confirm).await? {
            lapin::Confirmation::Ack(None) => {
                metrics::counter!("payclear_messages_parked_total").increment(1);
                Ok(())
            }
            lapin::Confirmation::Ack(Some(_)) => Err(BrokerError::Returned(self.exchange.clone())),
            _ => Err(BrokerError::Refused),
        }
    }
}

async fn handle<C: Consumer>(consumer: Arc<C>, delivery: Delivery, parking: Arc<Parking>) {
    let fate = match serde_json::from_slice::<Envelope>(&delivery.data) {
        Ok(envelope) if envelope.version == 1 => {
            match tokio::time::timeout(HANDLER_DEADLINE, hand_over(&*consumer, envelope)).await {
                Ok((fate, hopeless)) => match parking.park(&delivery, hopeless).await {
                    Ok(()) => fate,
                    Err(_) => Fate::Again("a part could not be parked"),
                },
                Err(_) => Fate::Again("the handler took too long"),
            }
        }
        Ok(envelope) => Fate::Park(format!("version {} is not known here", envelope.version)),
        Err(error) => Fate::Park(error.to_string()),
    };
    if fate == Fate::Done {
        faults::point("consumer.before_ack");
    }
    let settled = match &fate {
        Fate::Done => within(delivery.acker.ack(BasicAckOptions::default())).await,
        Fate::Again(why) => {
            tracing::warn!(why, "message comes again");
            tokio::time::sleep(Duration::from_millis(200)).await;
            let options = BasicNackOptions { multiple: false, requeue: true };
            within(delivery.acker.nack(options)).await
        }
        Fate::Park(why) => {
            tracing::error!(why, "message parked");
            metrics::counter!("payclear_messages_parked_total").increment(1);
            let options = BasicNackOptions { multiple: false, requeue: false };
            within(delivery.acker.nack(options)).await
        }
    };
    // `Ok(false)` is an acknowledgement on a connection that is gone: the message comes back, and
    // the effect's own row absorbs it.
    if !matches!(settled, Ok(true)) {
        metrics::counter!("payclear_stale_acks_total").increment(1);
    }
}
