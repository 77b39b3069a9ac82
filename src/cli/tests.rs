//! Tables of command lines, and what they mean.

use vagus_config::{LogFormat, Overrides, Port, Secret};

use super::*;

fn parsed(line: &str) -> Result<Command, Exit> {
    parse(line.split_whitespace().map(OsString::from))
}

fn serve(line: &str) -> ServeArgs {
    match parsed(line) {
        Ok(Command::Serve(args)) => *args,
        other => panic!("{line}: {other:?}"),
    }
}

fn exit(line: &str) -> Exit {
    match parsed(line) {
        Err(exit) => exit,
        Ok(other) => panic!("{line}: {other:?}"),
    }
}

#[test]
fn nothing_means_serve() {
    assert_eq!(serve(""), ServeArgs::default());
    assert_eq!(serve("").overrides(), Overrides::default());
    assert_eq!(serve("serve"), ServeArgs::default());
}

#[test]
fn every_spelling_of_a_flag_means_the_same() {
    let host = |o: Overrides| o.host;
    for line in ["-a h", "-a=h", "--a h", "-addr h", "--addr=h", "-net h", "--net=h", "serve -a h"]
    {
        assert_eq!(host(serve(line).overrides()).as_deref(), Some("h"), "{line}");
    }
    for line in ["-m 8222", "--http_port=8222", "-http_port 8222", "--m=8222"] {
        assert_eq!(serve(line).overrides().http_port, Some(Port::Fixed(8222)), "{line}");
    }
    for line in ["-ms 1", "--ms=1", "-https_port 1"] {
        assert_eq!(serve(line).overrides().https_port, Some(Port::Fixed(1)), "{line}");
    }
    for line in ["-n x", "--name x", "--server_name x"] {
        assert_eq!(serve(line).overrides().server_name.as_deref(), Some("x"), "{line}");
    }
    for line in ["--log_format json", "--log-format=json", "-log-format json"] {
        assert_eq!(serve(line).logging.format, Some(LogFormat::Json), "{line}");
    }
}

#[test]
fn each_flag_reaches_its_override() {
    let line = "-p 4333 -P x.pid --ports_file_dir d -c a.conf --client_advertise ca -l x.log \
                -T=false --logtime_utc --log_size_limit 100 --max_traced_msg_len 9 --user u \
                --pass p --auth t --cluster_name cn";
    let args = serve(line);
    assert_eq!(args.config_file(), Some("a.conf"));
    let expected = Overrides {
        port: Some(Port::Fixed(4333)),
        pid_file: Some("x.pid".into()),
        ports_file_dir: Some("d".into()),
        client_advertise: Some("ca".into()),
        log_file: Some("x.log".into()),
        logtime: Some(false),
        logtime_utc: Some(true),
        log_size_limit: Some(100),
        max_traced_msg_len: Some(9),
        user: Some("u".into()),
        password: Some(Secret::from("p")),
        token: Some(Secret::from("t")),
        cluster_name: Some("cn".into()),
        ..Overrides::default()
    };
    assert_eq!(args.overrides(), expected);
}

#[test]
fn combined_switches() {
    let (yes, no) = (Some(true), Some(false));
    for (line, debug, trace, verbose) in [
        ("-D", yes, None, None),
        ("-V", None, yes, None),
        ("-VV", None, None, yes),
        ("-DV", yes, yes, None),
        ("-DVV", yes, None, yes),
        ("-D=false", no, None, None),
        ("-D=0 --trace=T", no, yes, None),
        ("-D -DV=false", yes, None, None),
    ] {
        let o = serve(line).overrides();
        assert_eq!((o.debug, o.trace, o.trace_verbose), (debug, trace, verbose), "{line}");
    }
}

#[test]
fn values_may_look_like_flags_and_the_last_one_wins() {
    assert_eq!(serve("-p -1").overrides().port, Some(Port::Random));
    assert_eq!(serve("-p 1 --port=2 serve -p 3").overrides().port, Some(Port::Fixed(3)));
    assert_eq!(serve("--pass -D").overrides().password, Some(Secret::from("-D")));
    assert_eq!(serve("--pass=a=b").overrides().password, Some(Secret::from("a=b")));
    assert_eq!(serve("-a= -l=").overrides().host.as_deref(), Some(""));
}

#[test]
fn words_and_the_flags_that_say_the_same() {
    for line in ["version", "-v", "--version", "-D version", "VERSION", "version foo", "-- version"]
    {
        assert!(matches!(parsed(line), Ok(Command::Version)), "{line}");
    }
    for line in ["help", "-h", "--help", "-help", "-p 1 -h"] {
        assert!(matches!(parsed(line), Ok(Command::Help)), "{line}");
    }
    assert!(matches!(parsed("--help_tls"), Ok(Command::HelpTls)));
    for line in ["-t", "check", "-t -c x", "check -c x", "serve -t", "-c x check"] {
        assert!(matches!(parsed(line), Ok(Command::Check(_))), "{line}");
    }
    assert!(matches!(parsed("config docs"), Ok(Command::ConfigDocs)));
    assert!(matches!(parsed("-t=false"), Ok(Command::Serve(_))));
}

#[test]
fn signals() {
    for (line, order, target) in [
        ("-sl reload", "reload", ""),
        ("--signal reload", "reload", ""),
        ("-sl reload=12", "reload", "12"),
        ("--signal=stop=/run/x.pid", "stop", "/run/x.pid"),
        ("-sl=ldm=12*", "ldm", "12*"),
        ("-sl quit=", "quit", ""),
        ("-sl =5", "", "5"),
    ] {
        match parsed(line) {
            Ok(Command::Signal { order: o, target: t }) => {
                assert_eq!((o.as_str(), t.as_str()), (order, target), "{line}");
            }
            other => panic!("{line}: {other:?}"),
        }
    }
    assert!(matches!(parsed("--signal="), Ok(Command::Serve(_))));
}

#[test]
fn misused_flags_show_the_usage_and_end_with_0() {
    for (line, said) in [
        ("-x", "flag provided but not defined: -x"),
        ("--foo=1", "flag provided but not defined: -foo"),
        ("-p", "flag needs an argument: -p"),
        ("-p 1 --config", "flag needs an argument: -config"),
        ("-p abc", "invalid value \"abc\" for flag -p: parse error"),
        ("--port abc", "invalid value \"abc\" for flag -port: parse error"),
        ("-p=", "invalid value \"\" for flag -p: parse error"),
        ("-T=maybe", "invalid boolean value \"maybe\" for -T: parse error"),
        ("--log_format xml", "invalid value \"xml\" for flag -log_format: must be nats or json"),
        ("---x", "bad flag syntax: ---x"),
        ("-=x", "bad flag syntax: -=x"),
    ] {
        let exit = exit(line);
        assert_eq!((exit.code, exit.stderr), (0, format!("{said}\n")), "{line}");
        assert_eq!(exit.stdout, help().stdout, "{line}");
    }
}

#[test]
fn numbers_that_can_not_be_used_end_with_1() {
    for (line, value, flag) in [
        ("-p 70000", "70000", "p"),
        ("-ms -2", "-2", "ms"),
        ("-p 99999999999999999999", "99999999999999999999", "p"),
        ("--log_size_limit -1", "-1", "log_size_limit"),
    ] {
        let exit = exit(line);
        let said = format!("invalid value \"{value}\" for flag -{flag}: value out of range\n");
        assert_eq!((exit.code, exit.stderr), (1, said), "{line}");
    }
}

#[test]
fn words_that_are_not_understood_end_with_1() {
    for (line, said) in [
        ("foo", "unrecognized command: \"foo\""),
        ("-p 4333 foo", "unrecognized command: \"foo\""),
        ("serve foo", "unrecognized command: \"foo\""),
        ("-", "unrecognized command: \"-\""),
        ("-D bench pub", "flags before \"bench\" are not understood"),
        ("config", "usage: vagus config docs | plan CURRENT NEW"),
    ] {
        let exit = exit(line);
        assert_eq!(exit, Exit { code: 1, stderr: format!("vagus: {said}\n"), ..Exit::default() });
    }
}

#[test]
fn bench_has_flags_of_its_own() {
    assert!(matches!(parsed("bench pub --size 16"), Ok(Command::Bench(_))));
    let unknown = exit("bench pub --nope");
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("--nope") && unknown.stdout.is_empty());
    let help = exit("bench --help");
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("Usage: vagus bench"), "{}", help.stdout);
}

#[test]
fn texts() {
    assert_eq!(version().stdout, format!("vagus: v{}\n", env!("CARGO_PKG_VERSION")));
    let usage = help().stdout;
    for part in [
        "-c, --config <file>",
        "--ports_file_dir <dir>",
        "-DV",
        "[alias: --net]",
        "-D, --debug[=<bool>]",
    ] {
        assert!(usage.contains(part), "{part}\n{usage}");
    }
    assert!(help_tls().stdout.contains("cert_file"), "{}", help_tls().stdout);
    assert!(config_docs().stdout.contains("max_payload"));
}

#[test]
fn secrets_do_not_show() {
    let args = serve("--user joe --pass s3cret --auth t0ken --routes nats://a:s3cret@h");
    let text = format!("{args:?}");
    assert!(text.contains("joe") && !text.contains("s3cret") && !text.contains("t0ken"), "{text}");
}

// === reading the configuration ===

/// A configuration file that lasts as long as the test.
fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".conf").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn checked(file: &tempfile::NamedTempFile, flags: &str) -> Exit {
    check(&serve(&format!("-c {} {flags}", file.path().display())))
}

#[test]
fn check_needs_a_file() {
    let said = "vagus: must specify [-c, --config] option to check configuration file syntax\n";
    let expected = Exit { code: 1, stderr: said.to_owned(), ..Exit::default() };
    assert_eq!(check(&serve("")), expected);
}

#[test]
fn check_tells_valid_from_invalid() {
    let good = file("port: 4333\n");
    let exit = checked(&good, "");
    let head = format!("vagus: configuration file {} is valid (sha256:", good.path().display());
    assert_eq!((exit.code, exit.stdout.as_str()), (0, ""));
    assert!(exit.stderr.starts_with(&head), "{exit:?}");

    let bad = file("port: 4333\nfoo_bar: 1\nbaz: 2\n");
    let exit = checked(&bad, "");
    let path = bad.path().display();
    let said = format!(
        "vagus: {path}:2:1: unknown field \"foo_bar\"\n{path}:3:1: unknown field \"baz\"\n"
    );
    assert_eq!(exit, Exit { code: 1, stderr: said, ..Exit::default() });

    let warned = checked(&file("ping_interval: 5\n"), "");
    assert_eq!(warned.code, 1);
    assert!(warned.stderr.contains("should be converted to a duration"), "{warned:?}");
}

#[test]
fn a_missing_file_is_named() {
    let exit = check(&serve("-c /no/such/file.conf"));
    assert_eq!(exit.code, 1);
    assert!(exit.stderr.starts_with("vagus: ") && exit.stderr.contains("/no/such/file.conf"));
}

#[test]
fn flags_win_over_the_file() {
    let conf = file("port: 4333\nhost: 127.0.0.1\nmax_payload: 1000\n");
    let args = serve(&format!("-c {} -p 5555 --log_format json", conf.path().display()));
    let config = args.load().unwrap().config;
    assert_eq!((config.port, config.host.as_str()), (Port::Fixed(5555), "127.0.0.1"));
    assert_eq!((config.max_payload, config.vagus.log_format), (1000, LogFormat::Json));
}

#[test]
fn what_is_not_built_is_said_of_flags_as_of_keys() {
    let warned = serve("--remote_syslog udp://localhost:514").load().unwrap().warnings;
    let warned: Vec<_> = warned.iter().map(ToString::to_string).collect();
    assert_eq!(warned, ["\"--remote_syslog\" is not implemented yet, ignored"]);
    // Switched off, it is as good as not given.
    assert!(serve("--syslog=false --tls=false").load().unwrap().warnings.is_empty());
}

#[test]
fn tls_of_the_command_line_stands_in_place_of_the_file() {
    let why = |flags: &str| serve(flags).load().unwrap_err()[0].to_string();
    assert_eq!(why("--tls"), "TLS Server certificate must be present and valid");
    assert_eq!(why("--tlsverify --tlscert x"), "TLS Server private key must be present and valid");
    assert_eq!(
        why("--tls --tlscert /none/x --tlskey y"),
        "error parsing X509 certificate/key pair: open /none/x: no such file or directory"
    );
    let without = serve("--tlscert x --tlskey y").load().unwrap().config;
    assert_eq!(without.tls, None);
    let overrides = serve("--tlsverify --tlscert x --tlskey y --tlscacert z").overrides();
    let mut config = vagus_config::Config::default();
    config.apply(&overrides);
    let tls = config.tls.unwrap();
    assert!(tls.verify && tls.certificates[0].cert_file.ends_with("x"));
    assert_eq!(tls.ca_file.as_deref(), Some(std::path::Path::new("z")));
}
