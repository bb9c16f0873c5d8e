//! The service: a process of its own that scores images over HTTP, and has bad days.

use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, Command, Stdio, exit};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use racm::ndarray::Array4;
use racm::{BlackBoxModel, BoxError, demo};
use tiny_http::{Request, Response, Server};

/// The most images that it takes at once.
const ROOM: usize = 12;

/// The first life of the service ends at this request, before an answer.
const FIRST_LIFE: usize = 60;

/// What a late answer takes; its client gives up before.
const LATE: Duration = Duration::from_millis(1500);

/// Serves at `port` of the loopback interface, or at a free one for 0, and says which; dies at request `life`.
pub fn serve(port: u16, life: usize) -> Result<(), BoxError> {
    // Nobody is left to ask when the parent is gone.
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        exit(0);
    });
    let server = Server::http((Ipv4Addr::LOCALHOST, port))?;
    let port = server.server_addr().to_ip().map_or(port, |ip| ip.port());
    println!("{port}");
    let requests = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for request in server.incoming_requests() {
                    let number = requests.fetch_add(1, SeqCst);
                    if number == life {
                        exit(1);
                    }
                    if let Err(error) = answer(request, number) {
                        eprintln!("the server, at request {number}: {error}");
                    }
                }
            });
        }
    });
    Ok(())
}

/// One answer: the scores of `Shape` [n, 3, h, w] images, both as f32 with the lowest byte first.
fn answer(mut request: Request, number: usize) -> Result<(), BoxError> {
    let shape = request.headers().iter().find(|h| h.field.equiv("Shape"));
    let shape: Vec<usize> = match shape {
        Some(shape) => {
            let sizes = shape.value.as_str().split(' ').map(str::parse);
            sizes.collect::<Result<_, _>>()?
        }
        None => Vec::new(),
    };
    let mut body = Vec::new();
    request.as_reader().read_to_end(&mut body)?;
    let [n, c, h, w] = shape[..] else {
        return Ok(request.respond(Response::empty(400))?);
    };
    if n > ROOM {
        return Ok(request.respond(Response::empty(413))?);
    }
    if number % 11 == 5 {
        return Ok(request.respond(Response::empty(503))?);
    }
    if number % 23 == 8 {
        return Ok(request.respond(Response::empty(429))?);
    }
    let Ok(images) = Array4::from_shape_vec((n, c, h, w), super::floats(&body)) else {
        return Ok(request.respond(Response::empty(400))?);
    };
    let scores = demo::Classifier.predict(images.view())?;
    if number % 40 == 25 {
        thread::sleep(LATE);
    }
    // A client that gave up hears nothing.
    let _ = request.respond(Response::from_data(super::bytes(scores.iter())));
    Ok(())
}

/// A service that is started again when it dies.
pub struct Service {
    pub port: u16,
    pub deaths: AtomicUsize,
    over: AtomicBool,
}

impl Service {
    /// The service, with its first life.
    pub fn start() -> Result<(Self, Life), BoxError> {
        let (life, port) = Life::begin(0, FIRST_LIFE)?;
        let service = Service {
            port,
            deaths: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        };
        Ok((service, life))
    }

    /// Starts it again and again until [`Service::end`].
    pub fn keep(&self, mut life: Life) -> Result<(), BoxError> {
        loop {
            while life.child.try_wait()?.is_none() {
                if self.over.load(SeqCst) {
                    // Dropping its input ends it.
                    return Ok(());
                }
                thread::sleep(Duration::from_millis(10));
            }
            self.deaths.fetch_add(1, SeqCst);
            println!("the server died; it comes back in a moment");
            thread::sleep(Duration::from_millis(300));
            (life, _) = Life::begin(self.port, usize::MAX)?;
        }
    }

    pub fn end(&self) {
        self.over.store(true, SeqCst);
    }
}

/// A process of the service.
pub struct Life {
    child: Child,
    _input: Option<ChildStdin>,
}

impl Life {
    /// This program once more, as a server; with its port.
    fn begin(port: u16, life: usize) -> Result<(Self, u16), BoxError> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", &port.to_string(), &life.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse()?;
        let _input = child.stdin.take();
        Ok((Life { child, _input }, port))
    }
}
