//! scratch
use dunlin_fuzzing::{ours::Ours, peer::Peer, subject::*, value::*, generate};
fn main() {
    let text = std::env::args().nth(1).unwrap();
    if let Ok(n) = text.parse::<u64>() {
        let mut h = std::collections::BTreeMap::new();
        for seed in 0..n { let Some(g)=generate::module(seed) else {*h.entry("none".to_string()).or_insert(0)+=1; continue};
          let m = Ours::compile(&g.bytes,&g.plan).unwrap();
          let (_,e)=Ours::instantiate(&m,&g.plan);
          let s = e.to_string(); *h.entry(s.split(|c:char|c.is_ascii_digit()).next().unwrap().to_string()).or_insert(0)+=1;
          *h.entry(format!("exports {}",Ours::exports(&m).len())).or_insert(0)+=1;
        }
        for (k,v) in h {println!("{v} {k}");} return;
    }
    let args: Vec<Value> = std::env::args().skip(2).map(|a| Value::I32(a.parse::<i64>().unwrap() as u32)).collect();
    let bytes = wat::parse_str(&text).unwrap();
    let plan = Plan{seed:0,metering:Metering::Module};
    fn one<S:Subject>(b:&[u8],p:&Plan,args:&[Value])->Ending{ let m=S::compile(b,p).unwrap(); let (i,e)=S::instantiate(&m,p); let Some(mut i)=i else {return e}; let x=&S::exports(&m)[0]; i.call(x,args)}
    println!("ours {}", one::<Ours>(&bytes,&plan,&args)); println!("peer {}", one::<Peer>(&bytes,&plan,&args));
}
