//! Images and audio: each ending of each of their surfaces, what is held, and what is charged.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use headworks_core::record::Event;
use headworks_gateway::Body;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::world::{FORM, OTHER_FORM, World, answer, form, text};

/// Each medium by its own measure and by tokens; `t` is sold by tokens alone, `u` by the measures alone.
const CATALOG: &str = r#"
version = "t"

[features.pictures]
dimensions = ["usage", "size"]
overshoot = "refund"
prices = [
  { credits = { images = "1", input_tokens = "0.001", image_output_tokens = "0.01" } },
  { when = { quality = "high" }, like = {}, factor = "3" },
]

[features.speech]
dimensions = ["usage"]
overshoot = "refund"
prices = [{ credits = { characters = "0.01", output_tokens = "0.002" } }]

[features.hearing]
dimensions = ["usage"]
overshoot = "refund"
prices = [{ credits = { audio_seconds = "0.1", input_tokens = "0.001", output_tokens = "0.002" } }]

[features.tokens]
dimensions = ["usage"]
overshoot = "refund"
prices = [{ credits = { input_tokens = "0.001", output_tokens = "0.002" } }]

[features.measures]
dimensions = ["usage"]
overshoot = "refund"
prices = [{ credits = { images = "1", characters = "0.01", audio_seconds = "0.1" } }]

[plans.prepaid]
features = ["pictures", "speech", "hearing", "tokens", "measures"]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn setup(address: &str) -> String {
    let model = |name: &str, feature: &str| {
        format!(
            "[models.{name}]\nfeature = \"{feature}\"\ntargets = [{{ upstream = \"o\", model = \"{name}-2026\" }}]\n"
        )
    };
    [
        format!("drain = \"1s\"\n[upstreams.o]\nbase_url = \"http://{address}\"\nprotocol = \"openai\"\nidle_timeout = \"30s\"\nanswer_timeout = \"30s\"\n"),
        model("p", "pictures"),
        model("s", "speech"),
        model("h", "hearing"),
        model("t", "tokens"),
        model("u", "measures"),
    ]
    .concat()
}

/// The same with little patience.
fn hasty(address: &str) -> String {
    setup(address).replace("30s", "1s")
}

async fn world() -> World {
    World::with(CATALOG, setup).await
}

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    path: &'static str,
    model: &'static str,
    is_stream: bool,
    is_form: bool,
}

const fn kind(path: &'static str, model: &'static str, is_stream: bool, is_form: bool) -> Kind {
    Kind { path, model, is_stream, is_form }
}

const IMAGES: Kind = kind("/v1/images/generations", "p", false, false);
const IMAGE_STREAM: Kind = kind("/v1/images/generations", "p", true, false);
const EDIT: Kind = kind("/v1/images/edits", "p", false, true);
const EDIT_STREAM: Kind = kind("/v1/images/edits", "p", true, true);
const EDIT_JSON: Kind = kind("/v1/images/edits", "p", false, false);
const VARIATION: Kind = kind("/v1/images/variations", "p", false, true);
const SPEECH: Kind = kind("/v1/audio/speech", "s", false, false);
const SPEECH_STREAM: Kind = kind("/v1/audio/speech", "s", true, false);
const TRANSCRIPT: Kind = kind("/v1/audio/transcriptions", "h", false, true);
const TRANSCRIPT_STREAM: Kind = kind("/v1/audio/transcriptions", "h", true, true);
const TRANSLATION: Kind = kind("/v1/audio/translations", "h", false, true);

const ALL: [Kind; 11] = [
    IMAGES,
    IMAGE_STREAM,
    EDIT,
    EDIT_STREAM,
    EDIT_JSON,
    VARIATION,
    SPEECH,
    SPEECH_STREAM,
    TRANSCRIPT,
    TRANSCRIPT_STREAM,
    TRANSLATION,
];

impl Kind {
    /// What is asked for unless a test says otherwise.
    fn fields(self, mock: &Value) -> Value {
        let mut fields = json!({"model": self.model, "mock": mock});
        if self.path == "/v1/audio/speech" {
            fields["input"] = "say this".into();
            fields["voice"] = "alloy".into();
            if self.is_stream {
                fields["stream_format"] = "sse".into();
            }
        } else {
            fields["prompt"] = "a picture".into();
            if self.is_stream {
                fields["stream"] = true.into();
            }
        }
        if self == EDIT_JSON {
            fields["images"] = json!([{"file_id": "f"}]);
        }
        fields
    }

    /// A sound of 7,500 bytes, or a picture.
    fn files(self) -> (&'static str, Vec<u8>) {
        if self.path.starts_with("/v1/audio") {
            ("file", vec![0xff; 7_500])
        } else {
            ("image", vec![0x89; 64])
        }
    }

    async fn send(self, world: &World, fields: &Value) -> Response<Body> {
        self.send_as(world, fields, &[]).await
    }

    async fn send_as(self, world: &World, fields: &Value, headers: &[(&str, &str)]) -> Response<Body> {
        let (name, file) = self.files();
        let (body, mut all) = if self.is_form {
            (form(fields, &[(name, &file)]), vec![FORM])
        } else {
            (fields.to_string().into_bytes(), vec![])
        };
        all.extend_from_slice(headers);
        world.send_as(&world.key, self.path, &all, body).await
    }

    async fn ask(self, world: &World, mock: &Value) -> Response<Body> {
        self.send(world, &self.fields(mock)).await
    }
}

async fn bytes(response: Response<Body>) -> (StatusCode, Option<Bytes>) {
    let (head, body) = response.into_parts();
    (head.status, body.collect().await.ok().map(http_body_util::Collected::to_bytes))
}

fn lines(all: &[(&str, u64)]) -> BTreeMap<String, u64> {
    all.iter().map(|(meter, n)| ((*meter).to_owned(), *n)).collect()
}

/// The quantities of the first hold.
fn held(world: &World) -> BTreeMap<String, u64> {
    let records = world.records();
    let Some(Event::Authorized { usage, .. }) = records.first().map(|record| &record.event) else {
        panic!("{records:?}")
    };
    usage.lines.iter().filter(|l| l.quantity > 0).map(|l| (l.meter.to_string(), l.quantity)).collect()
}

fn is_estimated(world: &World) -> bool {
    let records = world.records();
    let Some(Event::Settled { charge, .. }) = records.last().map(|record| &record.event) else {
        panic!("{records:?}")
    };
    format!("{:?}", charge.usage.dimensions).contains("estimated")
}

/// One hold, which may have grown, and one charge.
fn assert_ended_once(world: &World, kind: Kind) {
    let kinds = world.kinds();
    let ends: Vec<_> = kinds.iter().filter(|kind| **kind != "extended").collect();
    assert_eq!(ends, [&"authorized", &"settled"], "{kind:?}: {kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_medium_is_charged_as_reported() {
    let mock = json!({"input_tokens": 12, "output_tokens": 40});
    for kind in ALL {
        let world = world().await;
        let (status, body) = bytes(kind.ask(&world, &mock).await).await;
        assert_eq!(status, StatusCode::OK, "{kind:?} {body:?}");
        let (expected, is_counted) = match kind {
            SPEECH => (vec![("characters", 8)], true),
            SPEECH_STREAM => (vec![("characters", 8), ("output_tokens", 40)], false),
            // Its only report is its length.
            TRANSLATION => (vec![("audio_seconds", 10)], true),
            TRANSCRIPT | TRANSCRIPT_STREAM => (vec![("input_tokens", 12), ("output_tokens", 40)], false),
            _ => (vec![("images", 1), ("input_tokens", 12), ("image_output_tokens", 40)], false),
        };
        assert_eq!(world.charge().await.0, lines(&expected), "{kind:?}");
        assert_eq!(is_estimated(&world), is_counted, "{kind:?}");
        assert_ended_once(&world, kind);
        let served = &world.upstream.served()[0];
        assert_eq!(served.model, format!("{}-2026", kind.model), "{kind:?}");
    }
    // 1 at 1, 12 at 0.001, 40 at 0.01; the same twice over.
    let world = world().await;
    let mut fields = IMAGES.fields(&mock);
    fields["n"] = 2.into();
    text(IMAGES.send(&world, &fields).await).await;
    assert_eq!(world.charge().await.1, "2.812");
    // A stream reports each picture, with its input.
    let world = self::world().await;
    let mut fields = EDIT_STREAM.fields(&mock);
    (fields["n"], fields["partial_images"]) = (2.into(), 2.into());
    let (_, body) = text(EDIT_STREAM.send(&world, &fields).await).await;
    assert_eq!(body.matches("event: image_edit.partial_image\n").count(), 4, "{body}");
    assert_eq!(body.matches("event: image_edit.completed\n").count(), 2, "{body}");
    assert_eq!(world.charge().await.1, "2.824");
}

/// A sound that is billed by its length is charged so, rounded up; one whose answer says how long it was as well.
#[tokio::test(flavor = "multi_thread")]
async fn seconds_are_charged_as_reported() {
    for (kind, format) in [
        (TRANSCRIPT, "json"),
        (TRANSCRIPT_STREAM, "json"),
        (TRANSCRIPT, "verbose_json"),
        (TRANSLATION, "verbose_json"),
    ] {
        let world = world().await;
        let mut fields = kind.fields(&json!({"output_tokens": 40, "seconds": 8.2}));
        fields["response_format"] = format.into();
        let (status, _) = text(kind.send(&world, &fields).await).await;
        assert_eq!(status, StatusCode::OK);
        let expected = (lines(&[("audio_seconds", 9)]), "0.9".to_owned());
        assert_eq!(world.charge().await, expected, "{kind:?} {format}");
        assert!(!is_estimated(&world), "{kind:?} {format}");
    }
    // Sold by tokens alone: what is reported in seconds does not say them.
    let world = world().await;
    let mut fields = TRANSCRIPT.fields(&json!({"output_tokens": 40, "seconds": 8.2}));
    fields["model"] = "t".into();
    text(TRANSCRIPT.send(&world, &fields).await).await;
    let (charged, _) = world.charge().await;
    // Ten tokens for each of ten seconds, and nine bytes of a prompt; 160 bytes of text.
    assert_eq!(charged, lines(&[("input_tokens", 103), ("output_tokens", 40)]));
    assert!(is_estimated(&world));
    // Sold by seconds alone: what is reported in tokens does not say them.
    let world = self::world().await;
    let mut fields = TRANSCRIPT.fields(&json!({"output_tokens": 40}));
    fields["model"] = "u".into();
    text(TRANSCRIPT.send(&world, &fields).await).await;
    assert_eq!(world.charge().await.0, lines(&[("audio_seconds", 10)]));
    assert!(is_estimated(&world));
}

/// Without a report: pictures that came, characters that were asked for, seconds as held; tokens only where nothing else is sold.
#[tokio::test(flavor = "multi_thread")]
async fn media_that_are_not_reported_are_counted() {
    let mock = json!({"output_tokens": 40, "no_usage": true});
    for kind in ALL {
        let world = world().await;
        let (status, _) = bytes(kind.ask(&world, &mock).await).await;
        assert_eq!(status, StatusCode::OK);
        let expected = match kind.model {
            "p" => ("images", 1),
            "s" => ("characters", 8),
            _ => ("audio_seconds", 10),
        };
        assert_eq!(world.charge().await.0, lines(&[expected]), "{kind:?}");
        assert!(is_estimated(&world), "{kind:?}");
    }
    for format in ["text", "srt", "vtt"] {
        let world = world().await;
        let mut fields = TRANSCRIPT.fields(&mock);
        fields["response_format"] = format.into();
        let response = TRANSCRIPT.send(&world, &fields).await;
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        assert!(text(response).await.1.contains("tok tok"));
        assert_eq!(world.charge().await.0, lines(&[("audio_seconds", 10)]), "{format}");
    }
    // As many pictures as came, and no more than were asked for.
    for (made, charged) in [(0, 0), (1, 1), (3, 3), (9, 3)] {
        let world = world().await;
        let mut fields = IMAGES.fields(&json!({"images": made, "no_usage": true}));
        fields["n"] = 3.into();
        text(IMAGES.send(&world, &fields).await).await;
        let expected = if charged > 0 { lines(&[("images", charged)]) } else { lines(&[]) };
        assert_eq!(world.charge().await.0, expected, "{made}");
    }
    // By tokens alone: 6,240 for a picture, 2 for a character.
    for (kind, expected) in [
        (IMAGES, [("input_tokens", 3), ("output_tokens", 6_240)]),
        (SPEECH, [("input_tokens", 3), ("output_tokens", 16)]),
    ] {
        let world = world().await;
        let mut fields = kind.fields(&mock);
        fields["model"] = "t".into();
        bytes(kind.send(&world, &fields).await).await;
        assert_eq!(world.charge().await.0, lines(&expected), "{kind:?}");
        assert!(is_estimated(&world), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn media_reported_as_zero_are_charged_as_zero() {
    for (kind, expected) in [
        (IMAGES, vec![("images", 1)]),
        (IMAGE_STREAM, vec![("images", 1)]),
        (SPEECH_STREAM, vec![("characters", 8)]),
        (TRANSCRIPT, vec![]),
        (TRANSCRIPT_STREAM, vec![]),
    ] {
        for usage in
            [json!({"input_tokens": 0, "output_tokens": 0}), json!({"type": "duration", "seconds": 0})]
        {
            let is_heard = kind.model == "h";
            if usage["type"] == "duration" && !is_heard {
                continue;
            }
            let world = world().await;
            bytes(kind.ask(&world, &json!({"output_tokens": 3, "usage": usage})).await).await;
            assert_eq!(world.charge().await.0, lines(&expected), "{kind:?} {usage}");
            assert!(!is_estimated(&world), "{kind:?} {usage}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_are_refused_cost_nothing() {
    for kind in ALL {
        for status in [400, 404, 429, 500] {
            let world = world().await;
            let (got, body) = answer(kind.ask(&world, &json!({"fault": {"status": status}})).await).await;
            assert_eq!(
                (got.as_u16(), body["error"]["message"] == "as wished"),
                (status, status < 429),
                "{kind:?}"
            );
            world.idle().await;
            assert_eq!(
                (world.kinds(), world.available().await.as_str()),
                (vec!["authorized", "released"], "1000"),
                "{kind:?}"
            );
        }
        // Nobody waits for it any more; it does not answer in time.
        let world = World::with(CATALOG, hasty).await;
        let hang = json!({"fault": "hang"});
        world.give_up(kind.ask(&world, &hang)).await;
        world.idle().await;
        assert_eq!(world.kinds(), ["authorized", "released"], "{kind:?}");
        let (got, _) = answer(kind.ask(&world, &hang).await).await;
        assert_eq!(got, StatusCode::GATEWAY_TIMEOUT, "{kind:?}");
        world.idle().await;
        assert_eq!(world.available().await, "1000", "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_media_that_breaks_off_ends_with_an_error() {
    for (kind, expected) in [
        // A picture of which something has come.
        (IMAGE_STREAM, ("images", 1)),
        (EDIT_STREAM, ("images", 1)),
        (SPEECH_STREAM, ("characters", 8)),
        (TRANSCRIPT_STREAM, ("audio_seconds", 10)),
    ] {
        for fault in ["cut_after", "end_after", "malformed_after"] {
            let world = world().await;
            let mut fields = kind.fields(&json!({"output_tokens": 5, "fault": {fault: 2}}));
            fields["partial_images"] = 3.into();
            let (status, body) = text(kind.send(&world, &fields).await).await;
            assert_eq!(status, StatusCode::OK);
            let last = body.trim_end().split("\n\n").last().expect("an event");
            assert!(
                last.contains("\"error\"") && last.contains("upstream_truncated"),
                "{kind:?} {fault}: {body}"
            );
            assert!(!body.contains("completed") && !body.contains("done"), "{kind:?} {fault}: {body}");
            assert_eq!(world.charge().await.0, lines(&[expected]), "{kind:?} {fault}");
            assert!(is_estimated(&world));
        }
        let world = world().await;
        let mut fields = kind.fields(&json!({"output_tokens": 5, "fault": {"error_after": 2}}));
        fields["partial_images"] = 3.into();
        let (_, body) = text(kind.send(&world, &fields).await).await;
        assert!(
            body.trim_end().ends_with('}') && body.contains("as wished") && !body.contains("truncated"),
            "{body}"
        );
        // Nothing has come.
        let world = self::world().await;
        text(kind.ask(&world, &json!({"output_tokens": 5, "fault": {"cut_after": 0}})).await).await;
        world.idle().await;
        assert_eq!(world.kinds(), ["authorized", "released"], "{kind:?}");
    }
}

/// Of bytes, only HTTP can say that they are not all: the body ends with an error. They cost nothing.
#[tokio::test(flavor = "multi_thread")]
async fn speech_that_breaks_off_ends_with_an_error() {
    for mock in [
        json!({"output_tokens": 50, "fault": {"cut_after": 5}}),
        // It stands still for longer than its upstream may.
        json!({"output_tokens": 50, "tokens_per_event": 5, "tokens_per_second": 1}),
    ] {
        let world = World::with(CATALOG, hasty).await;
        let mut response = SPEECH.ask(&world, &mock).await;
        assert_eq!(
            (response.status(), &response.headers()["content-type"]),
            (StatusCode::OK, &"audio/mpeg".parse().expect("a value"))
        );
        let mut read = 0;
        let end = loop {
            match response.body_mut().frame().await {
                Some(Ok(frame)) => read += frame.data_ref().expect("data").len(),
                Some(Err(_)) => break true,
                None => break false,
            }
        };
        assert!(end && read == 500, "{mock}: {read}");
        world.idle().await;
        assert_eq!(world.kinds(), ["authorized", "released"], "{mock}");
    }
    // All of it, byte for byte.
    let world = world().await;
    let (_, body) = bytes(SPEECH.ask(&world, &json!({"output_tokens": 50})).await).await;
    let body = body.expect("a whole body");
    assert!(
        body.len() == 5_000
            && body.chunks(100).all(|part| part[..3] == [0xff, 0xf3, 0x84] && part[3..] == [0; 97])
    );
}

/// A caller who leaves pays for what was made.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_media_pays_for_what_was_made() {
    for (kind, reported, counted) in [
        (
            IMAGE_STREAM,
            vec![("images", 1), ("input_tokens", 3), ("image_output_tokens", 40)],
            vec![("images", 1)],
        ),
        (SPEECH, vec![("characters", 8)], vec![("characters", 8)]),
        (SPEECH_STREAM, vec![("characters", 8), ("output_tokens", 40)], vec![("characters", 8)]),
        (TRANSCRIPT_STREAM, vec![("input_tokens", 3), ("output_tokens", 40)], vec![("audio_seconds", 10)]),
    ] {
        // What ends soon is read to its end; what does not is left after a second.
        for (rate, expected) in [(400, &reported), (10, &counted)] {
            let world = world().await;
            let mut fields =
                kind.fields(&json!({"input_tokens": 3, "output_tokens": 40, "tokens_per_second": rate}));
            fields["partial_images"] = 16.into();
            let mut response = kind.send(&world, &fields).await;
            response.body_mut().frame().await.expect("a frame").expect("a part");
            drop(response);
            assert_eq!(world.charge().await.0, lines(expected), "{kind:?} {rate}");
            assert_ended_once(&world, kind);
        }
    }
}

/// Nobody reads it, so nobody sends it: what is here is bounded however long it is.
#[tokio::test(flavor = "multi_thread")]
async fn speech_waits_for_a_slow_caller() {
    let patient = |address: &str| setup(address).replace("idle_timeout = \"30s\"", "idle_timeout = \"60s\"");
    let world = World::with(CATALOG, patient).await;
    // 200 parts of 640,000 bytes: 128 MB.
    let mock = json!({"output_tokens": 1_280_000, "tokens_per_event": 6_400});
    let mut response = SPEECH.ask(&world, &mock).await;
    response.body_mut().frame().await.expect("a frame").expect("a part");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = world.upstream.served()[0].output_tokens;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.upstream.served()[0].output_tokens, sent, "the upstream waits");
    assert!(sent < 640_000, "{sent}");
    let rest = response.into_body().collect().await.expect("all of it").to_bytes();
    assert!(rest.len() > 120_000_000);
    assert_eq!(world.charge().await.0, lines(&[("characters", 8)]));
}

/// A caller who has read most of it, and then nothing until the upstream gives up, has not read it for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn speech_that_is_kept_waiting_is_charged() {
    // It gives up before the caller counts as gone, or after.
    for idle in ["60s", "1s"] {
        let of = |address: &str| {
            setup(address).replace("idle_timeout = \"30s\"", &format!("idle_timeout = {idle:?}"))
        };
        let world = World::with(CATALOG, of).await;
        let mock =
            json!({"output_tokens": 1_280_000, "tokens_per_event": 6_400, "fault": {"cut_after": 100}});
        let mut response = SPEECH.ask(&world, &mock).await;
        response.body_mut().frame().await.expect("a frame").expect("a part");
        tokio::time::sleep(Duration::from_millis(5_500)).await;
        assert!(response.into_body().collect().await.is_err(), "{idle}");
        assert_eq!(world.charge().await.0, lines(&[("characters", 8)]), "{idle}");
    }
}

/// A hold covers all that a call may make; where it cannot be paid, nothing is forwarded.
#[tokio::test(flavor = "multi_thread")]
async fn media_are_held_as_asked_for() {
    let picture = 6_240;
    for (kind, more, expected) in [
        (
            IMAGES,
            json!({"n": 2}),
            vec![("images", 2), ("input_tokens", 3), ("image_output_tokens", 2 * picture)],
        ),
        (
            IMAGE_STREAM,
            json!({"partial_images": 3}),
            vec![("images", 1), ("input_tokens", 3), ("image_output_tokens", picture + 300)],
        ),
        // A picture that is looked at is 1,600 tokens.
        (EDIT, json!({}), vec![("images", 1), ("input_tokens", 1_603), ("image_output_tokens", picture)]),
        (
            EDIT_JSON,
            json!({}),
            vec![("images", 1), ("input_tokens", 1_603), ("image_output_tokens", picture)],
        ),
        (SPEECH, json!({}), vec![("characters", 8), ("output_tokens", 16)]),
        // 7,500 bytes at 750 a second; ten tokens for each.
        (TRANSCRIPT, json!({}), vec![("audio_seconds", 10), ("input_tokens", 103), ("output_tokens", 1_024)]),
    ] {
        let world = world().await;
        let mut fields = kind.fields(&json!({}));
        fields.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        bytes(kind.send(&world, &fields).await).await;
        world.idle().await;
        assert_eq!(held(&world), lines(&expected), "{kind:?}");
    }
    // A WAV file says how long it is: two seconds of 8,000 samples of 16 bits.
    let world = world().await;
    let mut wav =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\x7d\0\0"
            .to_vec();
    wav.extend(vec![0; 32_000]);
    let body = form(&json!({"model": "u"}), &[("file", &wav)]);
    answer(world.send_as(&world.key, TRANSCRIPT.path, &[FORM], body).await).await;
    world.idle().await;
    assert_eq!(held(&world), lines(&[("audio_seconds", 2)]));
    // 128 pictures are more than there is, and are not granted in part.
    let world = self::world().await;
    let mut fields = IMAGES.fields(&json!({}));
    fields["n"] = 128.into();
    let (status, body) = answer(IMAGES.send(&world, &fields).await).await;
    assert_eq!(
        (status, body["error"]["code"].as_str()),
        (StatusCode::TOO_MANY_REQUESTS, Some("insufficient_quota"))
    );
    assert!(world.upstream.served().is_empty());
}

/// Held as asked for, charged as the picture turned out; what is left open is what the model's dimensions say.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_priced_by_their_quality() {
    for kind in [IMAGES, IMAGE_STREAM, EDIT, EDIT_STREAM] {
        for (asked, said, expected) in [
            ("high", "high", "3"),
            ("low", "low", "1"),
            ("auto", "high", "3"),
            ("high", "medium", "1"),
            // It is not said.
            ("high", "auto", "3"),
        ] {
            let world = world().await;
            let mut fields = kind.fields(&json!({"no_usage": true, "picture": {"quality": said}}));
            fields["quality"] = asked.into();
            bytes(kind.send(&world, &fields).await).await;
            assert_eq!(world.charge().await.1, expected, "{kind:?} {asked} {said}");
            let records = format!("{:?}", world.records()[0]);
            assert_eq!(records.contains(&format!("{asked:?}")), asked != "auto", "{asked}: {records}");
        }
    }
    // What a picture has cost more is held before it is charged, so goodwill does not pay for it.
    let goodwill = CATALOG
        .replace("overshoot = \"refund\"", "overshoot = \"goodwill\"")
        .replace(", input_tokens = \"0.001\", image_output_tokens = \"0.01\"", "");
    let world = World::with(&goodwill, setup).await;
    bytes(IMAGES.ask(&world, &json!({"no_usage": true, "picture": {"quality": "high"}})).await).await;
    world.idle().await;
    assert_eq!(world.available().await, "997");
    let dear = |address: &str| {
        setup(address).replace("[models.p]\n", "[models.p]\ndimensions = { quality = \"high\" }\n")
    };
    for (asked, expected) in [("auto", "3"), ("low", "1")] {
        let world = World::with(CATALOG, dear).await;
        let mut fields = IMAGES.fields(&json!({"no_usage": true, "picture": {"quality": "auto"}}));
        fields["quality"] = asked.into();
        bytes(IMAGES.send(&world, &fields).await).await;
        assert_eq!(world.charge().await.1, expected, "{asked}");
    }
    // A caller of another surface sets no dimension of pictures.
    let world = World::with(CATALOG, |address| {
        setup(address).replace("feature = \"speech\"", "feature = \"pictures\"")
    })
    .await;
    let mut fields = SPEECH.fields(&json!({}));
    fields["quality"] = "high".into();
    bytes(SPEECH.send(&world, &fields).await).await;
    world.idle().await;
    assert!(!format!("{:?}", world.records()[0]).contains("high"));
}

/// A transcript is cut before what nobody pays for, and does not look whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_is_cut_before_what_is_not_paid() {
    let world = world().await;
    let mut fields =
        TRANSCRIPT.fields(&json!({"usage": {"type": "tokens", "input_tokens": 0, "output_tokens": 499_800}}));
    fields["model"] = "t".into();
    text(TRANSCRIPT.send(&world, &fields).await).await;
    world.idle().await;
    assert_eq!(world.available().await, "0.4");
    let mut fields = TRANSCRIPT_STREAM.fields(&json!({"output_tokens": 500}));
    fields["model"] = "t".into();
    let (status, body) = text(TRANSCRIPT_STREAM.send(&world, &fields).await).await;
    assert_eq!(status, StatusCode::OK);
    // 103 tokens of input leave 0.297 credits: 148 of output.
    let written = body.matches("\"delta\":\"tok \"").count();
    assert!((130..=149).contains(&written), "{written}");
    assert!(body.contains("insufficient_quota") && !body.contains("transcript.text.done"), "{body}");
    world.idle().await;
    let left: headworks_core::record::Credits = world.available().await.parse().expect("credits");
    assert!(left.nano() >= 0, "{left}");
}

/// What an upstream gets is what the caller sent, but for the model; what no surface takes is refused before anything is decided.
#[tokio::test(flavor = "multi_thread")]
async fn forms_reach_the_upstream_as_they_came() {
    let world = world().await;
    let body = form(
        &EDIT.fields(&json!({})),
        &[("image[]", &[0xff; 999]), ("image[]", b"\r\n--b0unda"), ("mask", b"")],
    );
    let length = body.len();
    let (status, _) = answer(world.send_as(&world.key, EDIT.path, &[FORM], body).await).await;
    assert_eq!(status, StatusCode::OK);
    let served = &world.upstream.served()[0];
    // `p` became `p-2026`.
    assert_eq!((served.model.as_str(), served.bytes), ("p-2026", u64::try_from(length).expect("fits") + 5));
    world.idle().await;
    let records = world.records().len();
    let good = form(&EDIT.fields(&json!({})), &[("image", b"1")]);
    let twice =
        [b"--b0undary\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nu\r\n", &good[..]].concat();
    let json = IMAGES.fields(&json!({})).to_string().into_bytes();
    for (path, headers, body) in [
        (EDIT.path, vec![FORM], twice),
        (EDIT.path, vec![FORM], good[..good.len() - 20].to_vec()),
        (EDIT.path, vec![("content-type", "multipart/form-data")], good.clone()),
        (EDIT.path, vec![], good.clone()),
        (IMAGES.path, vec![FORM], good),
        (TRANSCRIPT.path, vec![], json),
        (TRANSCRIPT.path, vec![FORM], form(&json!({"model": "h"}), &[])),
        (TRANSCRIPT.path, vec![FORM], form(&json!({"model": "h", "stream": "maybe"}), &[("file", b"1")])),
        (SPEECH.path, vec![], json!({"model": "s"}).to_string().into_bytes()),
        (IMAGES.path, vec![], json!({"prompt": "x"}).to_string().into_bytes()),
    ] {
        let (status, body) = answer(world.send_as(&world.key, path, &headers, body).await).await;
        assert_eq!(
            (status, body["error"]["type"].as_str()),
            (StatusCode::BAD_REQUEST, Some("invalid_request_error")),
            "{path}: {body}"
        );
    }
    assert_eq!((world.records().len(), world.upstream.served().len()), (records, 1));
}

/// An SDK that sends a form again after it was left pays once.
#[tokio::test(flavor = "multi_thread")]
async fn media_that_are_sent_again_are_paid_once() {
    for (kind, price) in [(SPEECH, "999.92"), (EDIT_STREAM, "998.597"), (TRANSCRIPT_STREAM, "999.917")] {
        let world = world().await;
        let mock = json!({"input_tokens": 3, "output_tokens": 40, "tokens_per_second": 100});
        let mut fields = kind.fields(&mock);
        fields["partial_images"] = 16.into();
        let mut first = kind.send(&world, &fields).await;
        first.body_mut().frame().await.expect("a frame").expect("a part");
        drop(first);
        world.idle().await;
        bytes(kind.send_as(&world, &fields, &[("x-stainless-retry-count", "1")]).await).await;
        world.idle().await;
        assert_eq!(world.available().await, price, "{kind:?}: {:?}", world.kinds());
        assert!(world.kinds().contains(&"refunded"), "{kind:?}");
    }
}

/// An SDK draws another boundary for each attempt; another sound is another call.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_again_is_paid_once() {
    for (is_same, price) in [(true, "999.917"), (false, "999.834")] {
        let world = world().await;
        let mock = json!({"input_tokens": 3, "output_tokens": 40, "tokens_per_second": 100});
        let fields = TRANSCRIPT_STREAM.fields(&mock);
        let mut first = TRANSCRIPT_STREAM.send(&world, &fields).await;
        first.body_mut().frame().await.expect("a frame").expect("a part");
        drop(first);
        world.idle().await;
        let (name, mut file) = TRANSCRIPT_STREAM.files();
        file[7_000] ^= u8::from(!is_same);
        let body =
            String::from_utf8(form(&fields, &[(name, b"FILE")])).expect("UTF-8").replace("b0undary", "0ther");
        let (before, after) = body.split_once("FILE").expect("stands there");
        let body = [before.as_bytes(), &file, after.as_bytes()].concat();
        let headers = [OTHER_FORM, ("x-stainless-retry-count", "1")];
        bytes(world.send_as(&world.key, TRANSCRIPT_STREAM.path, &headers, body).await).await;
        world.idle().await;
        assert_eq!(world.available().await, price, "{is_same}: {:?}", world.kinds());
    }
}

/// A call that is still answered when it is sent again gives way, and its answer does not look whole.
#[tokio::test(flavor = "multi_thread")]
async fn media_give_way_to_their_repetition() {
    for (kind, price) in [(SPEECH, "999.92"), (SPEECH_STREAM, "999.84"), (TRANSCRIPT_STREAM, "999.917")] {
        let world = world().await;
        let fields = kind.fields(&json!({"input_tokens": 3, "output_tokens": 40, "tokens_per_second": 20}));
        let mut first = kind.send(&world, &fields).await;
        first.body_mut().frame().await.expect("a frame").expect("a part");
        let (first, again) =
            tokio::join!(bytes(first), kind.send_as(&world, &fields, &[("x-stainless-retry-count", "1")]));
        match first.1 {
            None => assert_eq!(kind, SPEECH),
            Some(body) => {
                let body = String::from_utf8_lossy(&body).into_owned();
                assert!(body.contains("sent_again") && !body.contains("done"), "{kind:?}: {body}");
            }
        }
        assert!(bytes(again).await.1.is_some());
        world.idle().await;
        assert_eq!(world.available().await, price, "{kind:?}: {:?}", world.kinds());
    }
}

/// A gateway that stops ends what it passes on, and charges what has come.
#[tokio::test(flavor = "multi_thread")]
async fn media_end_when_the_gateway_stops() {
    for (kind, expected) in [
        (IMAGE_STREAM, ("images", 1)),
        (SPEECH, ("characters", 8)),
        (SPEECH_STREAM, ("characters", 8)),
        (TRANSCRIPT_STREAM, ("audio_seconds", 10)),
    ] {
        let world = world().await;
        let mut fields = kind.fields(&json!({"output_tokens": 40, "tokens_per_second": 20}));
        fields["partial_images"] = 16.into();
        let mut response = kind.send(&world, &fields).await;
        response.body_mut().frame().await.expect("a frame").expect("a part");
        let ((), read) = tokio::join!(world.gateway.shut_down(Duration::from_secs(5)), bytes(response));
        match read.1 {
            None => assert_eq!(kind, SPEECH),
            Some(body) => assert!(String::from_utf8_lossy(&body).contains("shutting_down"), "{kind:?}"),
        }
        assert_eq!(world.charge().await.0, lines(&[expected]), "{kind:?}");
    }
}

/// Calls of media that are given up at any moment leave nothing held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_given_up_at_any_moment_leave_nothing_held() {
    let world = std::sync::Arc::new(world().await);
    world.grant("1000000").await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..550_u64 {
        let world = std::sync::Arc::clone(&world);
        calls.spawn(async move {
            let kind = ALL[usize::try_from(n % 11).expect("small")];
            let mock = json!({"output_tokens": 30, "tokens_per_second": 20_000, "first_token_ms": n % 3});
            let call = async { bytes(kind.ask(&world, &mock).await).await.0 };
            let given_up = Duration::from_micros((n * 7_919) % 9_000);
            tokio::time::timeout(given_up, call).await.is_ok_and(|status| status != StatusCode::OK)
        });
        if n % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let denied = calls.join_all().await.into_iter().filter(|denied| *denied).count();
    assert_eq!(denied, 0);
    world.idle().await;
    let kinds = world.kinds();
    let count = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
    assert_eq!(count("authorized"), count("settled") + count("released"), "each hold ends once");
}
