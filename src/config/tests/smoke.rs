//! The first thing a user writes works.

use vagus_config::{Config, Port};

#[test]
fn a_common_file() {
    let text = "listen: 127.0.0.1:4333\nhttp: 8222\nmax_payload: 2MB\n\
                authorization { users: [ {user: a, password: b} ] }\nno_auth_user: a\n";
    let loaded = Config::parse(text, "a.conf").unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(loaded.config.port, Port::Fixed(4333));
    assert_eq!(loaded.config.max_payload, 2 * 1024 * 1024);
    assert_eq!(loaded.config.authorization.users[0].user, "a");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    println!("{:?}", loaded.config);
}
