#!/usr/bin/env python3
# fmt: off
"""The yardstick: how fast a Python SMPP store-and-forward path can be, with nothing but the path.

A throw-away with no error handling and no recovery: NOT a model to copy, only something to run beside the
product in the same minute, so that a figure can be given as a share of the limit. Needs uvloop.

ESME -> submit_sm -> durable group commit -> submit_sm_resp -> priority queue -> SMSC submit_sm (window) ->
resp recorded -> receipt correlated by remote id -> durable -> deliver_sm to the ESME -> its resp recorded.
8 PDUs and 4 durable row writes a message (SQLite, WAL, synchronous=FULL).

    smppload sink -p 2776 --dlr-delay 300 --dlr-window 2000 &
    python limit.py --port 2775 --smsc 2776 --store commit --ix rid --gc freeze --db /some/dir/limit.db &
    smppload load -p 2775 -n 4 -w 250 -m 200000
"""
import argparse, asyncio, gc, marshal, os, resource, signal, socket, sqlite3, struct, sys, threading, time
from collections import deque
from itertools import chain

# ------ core begin (codec and hot loops; compiles with mypyc as it stands) ------
from struct import Struct
from typing import List, Tuple, Optional, Any, Dict
H = Struct('>IIII')
_hu = H.unpack_from
_hp = H.pack
_tlv = Struct('>HH').unpack_from
_F5 = Struct('>IIII17s').pack

SUBMIT_SM = 4
SUBMIT_SM_RESP = 0x80000004
DELIVER_SM = 5
DELIVER_SM_RESP = 0x80000005


def split(buf: bytes) -> Tuple[List[Tuple[int, int, int, int, int]], int]:
    """frames: (cmd, status, seq, start, end) and number of bytes consumed"""
    out: List[Tuple[int, int, int, int, int]] = []
    pos = 0
    n = len(buf)
    while n - pos >= 16:
        ln, cmd, st, seq = _hu(buf, pos)
        if ln < 16 or ln > 65536:
            raise ValueError('bad command_length')
        end = pos + ln
        if end > n:
            break
        out.append((cmd, st, seq, pos, end))
        pos = end
    return out, pos


def parse_sm(b: bytes, p: int, end: int) -> Tuple[Any, ...]:
    """body of submit_sm / deliver_sm -> (service_type, ston, snpi, src, dton, dnpi, dst,
    esm, pid, prio, sched, valid, regdel, replace, dcs, defid, sm, tlvs)"""
    p += 16
    e = b.index(0, p, end)
    svc = b[p:e] if e > p else b''
    ston = b[e + 1]
    snpi = b[e + 2]
    p = e + 3
    e = b.index(0, p, end)
    src = b[p:e]
    dton = b[e + 1]
    dnpi = b[e + 2]
    p = e + 3
    e = b.index(0, p, end)
    dst = b[p:e]
    esm = b[e + 1]
    pid = b[e + 2]
    prio = b[e + 3]
    p = e + 4
    if b[p]:
        e = b.index(0, p, end)
        sched = b[p:e]
        p = e + 1
    else:
        sched = b''
        p += 1
    if b[p]:
        e = b.index(0, p, end)
        valid = b[p:e]
        p = e + 1
    else:
        valid = b''
        p += 1
    l = b[p + 4]
    q = p + 5 + l
    tl: Optional[List[Tuple[int, bytes]]] = None
    if q != end:
        if q > end:
            raise ValueError('sm_length')
        tl = []
        t = q
        while t + 4 <= end:
            tag, tn = _tlv(b, t)
            t += 4
            if t + tn > end:
                raise ValueError('tlv')
            tl.append((tag, b[t:t + tn]))
            t += tn
    return (svc, ston, snpi, src, dton, dnpi, dst, esm, pid, prio, sched, valid,
            b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 5:q], tl)


def parse_resp(b: bytes, p: int, end: int) -> bytes:
    p += 16
    if p >= end:
        return b''
    return b[p:b.index(0, p, end)]


def parse_receipt(sm: bytes) -> Tuple[bytes, bytes, bytes]:
    """id, stat, err of an Appendix-B receipt"""
    i = sm.find(b'id:')
    j = sm.find(b' ', i)
    rid = sm[i + 3:j]
    k = sm.find(b'stat:', j)
    stat = sm[k + 5:sm.find(b' ', k)]
    k = sm.find(b'err:', j)
    return rid, stat, sm[k + 4:k + 7]


def build_resp(cmd: int, status: int, seq: int, mid: bytes) -> bytes:
    return _hp(17 + len(mid), cmd, status, seq) + mid + b'\0'


def build_resp16(seq: int, mid: bytes) -> bytes:
    """fixed 16-byte message id"""
    return _F5(33, 0x80000004, 0, seq, mid)


def build_fwd(cmd: int, seq: int, body: bytes) -> bytes:
    return _hp(16 + len(body), cmd, 0, seq) + body


def build_sm(cmd: int, seq: int, ston: int, snpi: int, src: bytes, dton: int, dnpi: int, dst: bytes,
             esm: int, prio: int, regdel: int, dcs: int, sm: bytes) -> bytes:
    body = b'\0%c%c%b\0%c%c%b\0%c\0%c\0\0%c\0%c\0%c%b' % (
        ston, snpi, src, dton, dnpi, dst, esm, prio, regdel, dcs, len(sm), sm)
    return _hp(16 + len(body), cmd, 0, seq) + body


def build_receipt(seq: int, src: bytes, dst: bytes, mid: bytes, sd: bytes, dd: bytes, stat: bytes,
                  err: bytes, text: bytes) -> bytes:
    sm = b'id:%b sub:001 dlvrd:001 submit date:%b done date:%b stat:%b err:%b text:%b' % (
        mid, sd, dd, stat, err, text)
    body = b'\0\1\1%b\0\1\1%b\0\4\0\0\0\0\0\0\0\0%c%b' % (src, dst, len(sm), sm)
    return _hp(16 + len(body), 5, 0, seq) + body


def parse_all(buf: bytes) -> Tuple[List[Tuple[Any, ...]], int]:
    fr, c = split(buf)
    out: List[Tuple[Any, ...]] = []
    for cmd, st, seq, a, e in fr:
        if cmd == 4 or cmd == 5:
            out.append((cmd, st, seq, parse_sm(buf, a, e)))
        elif cmd == 0x80000004 or cmd == 0x80000005:
            out.append((cmd, st, seq, parse_resp(buf, a, e)))
    return out, c


class Msg:
    def __init__(self, id: int, acct: int, src: bytes, dst: bytes, body: bytes, prio: int, t: float, sess: Any) -> None:
        self.id = id
        self.acct = acct
        self.src = src
        self.dst = dst
        self.body: Optional[bytes] = body
        self.prio = prio
        self.state: int = 0
        self.rid: Optional[str] = None
        self.t_in = t
        self.t_sent: Optional[float] = None
        self.t_done: Optional[float] = None
        self.sess = sess


def esme_feed(b: bytes, i: int, t: float, acct: int, sess: Any, dwin: Dict[int, Msg], ins: List[Any], acks: List[Any],
              new: List[Msg], lz: Dict[int, Msg], fin: List[Msg], hyb: bool, ctl: List[Tuple[int, int]]) -> Tuple[int, int]:
    pos = 0
    n = len(b)
    while n - pos >= 16:
        ln, cmd, st, seq = _hu(b, pos)
        if ln < 16 or ln > 65536:
            raise ValueError('bad command_length')
        end = pos + ln
        if end > n:
            break
        if cmd == 4:
            f = parse_sm(b, pos, end)
            i += 1
            body = b[pos + 16:end]
            src: bytes = f[3]
            dst: bytes = f[6]
            pr: int = f[9]
            pr = pr & 3
            m = Msg(i, acct, src, dst, body, pr, t, sess)
            ins.append((i, acct, src.decode(), dst.decode(), body, pr, t))
            acks.append((sess, build_resp16(seq, b'%016x' % i)))
            new.append(m)
        elif cmd == 0x80000005:
            mm = dwin.pop(seq, None)
            if mm is not None:
                mm.state += 2
                lz[mm.id] = mm
                if hyb:
                    fin.append(mm)
        else:
            ctl.append((cmd, seq))
        pos = end
    return i, pos


def smsc_feed(b: bytes, t: float, conn: Any, win: Dict[int, Msg], by: Dict[str, Msg], dirty: Dict[int, Msg],
              lz: Dict[int, Msg], rcpt: List[Msg], acks: List[Any], hyb: bool, ctl: List[Tuple[int, int]]) -> int:
    pos = 0
    n = len(b)
    while n - pos >= 16:
        ln, cmd, st, seq = _hu(b, pos)
        if ln < 16 or ln > 65536:
            raise ValueError('bad command_length')
        end = pos + ln
        if end > n:
            break
        if cmd == 0x80000004:
            m = win.pop(seq, None)
            if m is not None:
                m.state = 2
                r = parse_resp(b, pos, end).decode()
                m.rid = r
                m.t_sent = t
                if not hyb:
                    m.body = None
                by[r] = m
                lz[m.id] = m
        elif cmd == 5:
            f = parse_sm(b, pos, end)
            sm: bytes = f[16]
            rid, stat, err = parse_receipt(sm)
            m2 = by.pop(rid.decode(), None)
            if m2 is not None:
                m2.state = 5 if stat == b'DELIVRD' else 6
                m2.t_done = t
                if lz is not dirty:
                    lz.pop(m2.id, None)
                dirty[m2.id] = m2
                rcpt.append(m2)
            acks.append((conn, _hp(17, 0x80000005, 0, seq) + b'\0'))
        else:
            ctl.append((cmd, seq))
        pos = end
    return pos


def make_upd(d: Dict[int, Msg]) -> List[Tuple[Any, ...]]:
    return [(m.state, m.rid, m.t_sent, m.t_done, m.id) for m in d.values()]


def receipts(q: int, l: List[Msg], dwin: Dict[int, Msg], out: List[bytes]) -> int:
    for m in l:
        q += 1
        dwin[q] = m
        out.append(build_receipt(q, m.dst, m.src, b'%016x' % m.id, b'2611220041', b'2611220042', b'DELIVRD', b'000', b''))
    return q


def fwd(seq: int, q: Any, room: int, win: Dict[int, Msg], out: List[bytes]) -> Tuple[int, int]:
    while room > 0 and q:
        m: Msg = q.popleft()
        seq += 1
        room -= 1
        win[seq] = m
        body = m.body
        assert body is not None
        out.append(_hp(16 + len(body), 4, 0, seq) + body)
    return seq, room
# ------ core end ------

ap = argparse.ArgumentParser()
ap.add_argument('--port', type=int, default=4200)
ap.add_argument('--smsc', type=int, default=4201)
ap.add_argument('--store', default='sync', choices=('sync', 'commit', 'thread', 'proc', 'journal', 'jthread', 'hybrid', 'hybridt', 'none'))
ap.add_argument('--db', default='gw.db')
ap.add_argument('--sync', default='FULL')
ap.add_argument('--codec', default='self')
ap.add_argument('--loop', default='uvloop')
ap.add_argument('--gc', default='on', choices=('on', 'freeze', 'off'))
ap.add_argument('--rate', type=float, default=0)
ap.add_argument('--window', type=int, default=1000)
ap.add_argument('--delay', type=float, default=0, help='extra group-commit wait, ms')
ap.add_argument('--sysid', default='gw', help='2 letters')
ap.add_argument('--reuseport', action='store_true')
ap.add_argument('--idbase', type=int, default=0)
ap.add_argument('--ckpt', type=int, default=10000)
ap.add_argument('--switch', type=float, default=0.005)
ap.add_argument('--prof', default='')
ap.add_argument('--ix', default='rid+pend')
ap.add_argument('--lazy', type=float, default=0, help='ms a non-urgent update may wait to be merged with the next one')
ap.add_argument('--mingap', type=float, default=0, help='ms between commit starts; the first after a pause goes at once')
ap.add_argument('--page', type=int, default=4096)
A = ap.parse_args()
M = sys.modules[__name__] if A.codec == 'self' else __import__(A.codec)
split, parse_sm, parse_resp, parse_receipt = M.split, M.parse_sm, M.parse_resp, M.parse_receipt
build_resp16, build_fwd, build_receipt, build_resp = M.build_resp16, M.build_fwd, M.build_receipt, M.build_resp
CORE = M if A.codec == 'core' else None
SUBMIT, SUBMIT_R, DELIVER, DELIVER_R, ENQ, UNBIND = 4, 0x80000004, 5, 0x80000005, 0x15, 6
H = struct.Struct('>IIII').pack
now = time.time

SCHEMA = '''CREATE TABLE IF NOT EXISTS msg(id INTEGER PRIMARY KEY, account INT NOT NULL, src TEXT, dst TEXT,
 body BLOB NOT NULL, state INT NOT NULL, prio INT NOT NULL, rid TEXT, t_in REAL, t_sent REAL, t_done REAL)'''
INDEX = ('CREATE INDEX IF NOT EXISTS ix_rid ON msg(rid) WHERE state=2',
         'CREATE INDEX IF NOT EXISTS ix_pend ON msg(prio, id) WHERE state < 2')
INS = 'INSERT INTO msg(id,account,src,dst,body,state,prio,t_in) VALUES(?,?,?,?,?,0,?,?)'
UPD = 'UPDATE msg SET state=?, rid=?, t_sent=?, t_done=? WHERE id=?'


class PMsg:
    __slots__ = ('id', 'acct', 'src', 'dst', 'body', 'prio', 'state', 'rid', 't_in', 't_sent', 't_done', 'sess')

    def __init__(s, id, acct, src, dst, body, prio, t, sess):
        s.id = id; s.acct = acct; s.src = src; s.dst = dst; s.body = body; s.prio = prio
        s.state = 0; s.rid = None; s.t_in = t; s.t_sent = s.t_done = None; s.sess = sess


# ------------------------------------------------------------------ stores
class SqliteStore:
    def __init__(s, gw):
        s.gw = gw; s.open()

    def open(s):
        c = s.c = sqlite3.connect(A.db, isolation_level=None, check_same_thread=False, timeout=30)
        c.execute(f'PRAGMA page_size={A.page}'); c.execute('PRAGMA journal_mode=WAL'); c.execute('PRAGMA synchronous=' + A.sync)
        c.execute('PRAGMA cache_size=-65536'); c.execute(f'PRAGMA wal_autocheckpoint={A.ckpt}')
        c.execute(SCHEMA)
        for k, q in zip(('rid', 'pend'), INDEX):
            if k in A.ix: c.execute(q)

    def apply(s, ins, upd):
        c = s.c
        c.execute('BEGIN IMMEDIATE')
        if ins: c.executemany(INS, ins)
        if upd: c.executemany(UPD, upd)

    def commit(s, ins, upd):          # blocks the loop: no GIL fight, no hop
        s.apply(ins, upd); s.c.execute('COMMIT'); s.gw.committed()


class CommitThread(SqliteStore):      # statements in the loop, COMMIT (write+fsync, GIL free) in a thread
    def __init__(s, gw):
        super().__init__(gw); s.ev = threading.Semaphore(0); s.job = None
        threading.Thread(target=s.run, daemon=True).start()

    def commit(s, ins, upd):
        s.apply(ins, upd); s.ev.release()

    def run(s):
        while True:
            s.ev.acquire(); s.c.execute('COMMIT'); s.gw.loop.call_soon_threadsafe(s.gw.committed)


class FullThread(CommitThread):       # all SQLite in a thread: executemany fights for the GIL row by row
    def commit(s, ins, upd):
        s.job = (ins, upd); s.ev.release()

    def run(s):
        while True:
            s.ev.acquire(); s.apply(*s.job); s.c.execute('COMMIT'); s.gw.loop.call_soon_threadsafe(s.gw.committed)


class ProcStore(SqliteStore):         # store in a child process, marshal over a socketpair
    def __init__(s, gw):
        a, b = socket.socketpair()
        for k in (a, b):
            for o in (socket.SO_SNDBUF, socket.SO_RCVBUF): k.setsockopt(socket.SOL_SOCKET, o, 1 << 22)
        s.pid = os.fork()
        if s.pid == 0:
            a.close(); s.open(); f = b.makefile('rb', 1 << 20)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            gc.disable()
            while True:
                h = f.read(4)
                if len(h) < 4: os._exit(0)
                s.apply(*marshal.loads(f.read(struct.unpack('>I', h)[0]))); s.c.execute('COMMIT'); b.send(b'k')
        b.close(); a.setblocking(False); s.s = a; s.gw = gw
        gw.loop.create_task(s.start())

    async def start(s):
        gw = s.gw

        class P(asyncio.Protocol):
            def data_received(p, d): gw.committed()
        s.t, _ = await gw.loop.create_connection(P, sock=s.s)

    def commit(s, ins, upd):
        d = marshal.dumps((ins, upd)); s.t.write(struct.pack('>I', len(d)) + d)


class Journal:                        # append-only file, one write + fdatasync per turn, in the loop
    def __init__(s, gw):
        s.gw = gw; s.fd = os.open(A.db + '.j', os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def enc(s, ins, upd):
        d = marshal.dumps((ins, upd)); return struct.pack('>I', len(d)) + d

    def commit(s, ins, upd):
        os.write(s.fd, s.enc(ins, upd)); os.fdatasync(s.fd); s.gw.committed()


class JournalThread(Journal):
    def __init__(s, gw):
        super().__init__(gw); s.ev = threading.Semaphore(0); s.job = None
        threading.Thread(target=s.run, daemon=True).start()

    def commit(s, ins, upd):
        s.job = s.enc(ins, upd); s.ev.release()

    def run(s):
        while True:
            s.ev.acquire(); os.write(s.fd, s.job); os.fdatasync(s.fd); s.gw.loop.call_soon_threadsafe(s.gw.committed)


class Projector:
    """journal = commit point; a child process writes each finished message once into SQLite"""
    def start_projector(s):
        p = s.p = ProcStore.__new__(ProcStore)
        p.apply = s.apply_final.__get__(p)
        ProcStore.__init__(p, FakeGw(s.gw.loop)); s.pid = p.pid; s.t = None

    @staticmethod
    def apply_final(p, ins, upd):
        c = p.c
        c.execute('BEGIN IMMEDIATE')
        c.executemany('INSERT OR REPLACE INTO msg(state,rid,t_sent,t_done,id,account,src,dst,body,prio,t_in) VALUES(?,?,?,?,?,?,?,?,?,?,?)', upd)

    def project(s, rows):
        s.p.commit((), rows); s.t = s.p.t


class FakeGw:
    def __init__(s, loop): s.loop = loop
    def committed(s): pass


class Hybrid(Journal, Projector):
    def __init__(s, gw):
        Journal.__init__(s, gw); s.start_projector()


class HybridT(JournalThread, Projector):
    def __init__(s, gw):
        JournalThread.__init__(s, gw); s.start_projector()


class NoStore:
    def __init__(s, gw): s.gw = gw
    def commit(s, ins, upd): s.gw.committed()


STORES = dict(sync=SqliteStore, commit=CommitThread, thread=FullThread, proc=ProcStore, journal=Journal,
              jthread=JournalThread, hybrid=Hybrid, hybridt=HybridT, none=NoStore)


# ------------------------------------------------------------------ gateway
def t0(g):
    g.loop.call_later(.1, g.arm); return False


class Gateway:
    def __init__(g, loop):
        g.loop = loop; g.next_id = A.idbase; g.store = STORES[A.store](g)
        g.ins = []; g.acks = []; g.dirty = {}; g.rcpt = []        # being collected
        g.lazy = {}; g.lazy_t = 0.0; g.fin = []; g.hyb = A.store.startswith('hybrid')
        g.c_acks = g.c_rcpt = g.c_new = None                      # in the transaction under way
        g.new = []; g.busy = False; g.armed = False; g.last = 0.0
        g.queues = [deque() for _ in range(4)]
        g.by_rid = {}; g.window = {}; g.seq = 0; g.smsc = None
        g.tokens = 0.0; g.t_tok = loop.time(); g.timer = None
        g.commits = g.rows = 0

    def arm(g):
        if not g.armed and not g.busy:
            g.armed = True
            if A.mingap and g.loop.time() < g.last + A.mingap / 1e3: g.loop.call_at(g.last + A.mingap / 1e3, g.flush)
            elif A.delay: g.loop.call_later(A.delay / 1e3, g.flush)
            else: g.loop.call_soon(g.flush)

    def flush(g):
        g.armed = False; g.last = g.loop.time()
        ins, g.ins = g.ins, []
        if A.lazy and g.lazy:
            t = g.loop.time()
            if t - g.lazy_t >= A.lazy / 1e3:
                g.dirty.update(g.lazy); g.lazy = {}; g.lazy_t = t
            else: g.loop.call_at(g.lazy_t + A.lazy / 1e3, g.arm)
        upd = CORE.make_upd(g.dirty) if CORE else [(m.state, m.rid, m.t_sent, m.t_done, m.id) for m in g.dirty.values()]
        g.dirty = {}
        g.c_acks, g.acks = g.acks, []; g.c_rcpt, g.rcpt = g.rcpt, []; g.c_new, g.new = g.new, []
        g.busy = True; g.commits += 1; g.rows += len(ins) + len(upd)
        g.store.commit(ins, upd)

    def committed(g):
        g.busy = False
        by = {}
        for sess, pdu in g.c_acks:                                # answers that waited for the commit
            try: by[sess].append(pdu)
            except KeyError: by[sess] = [pdu]
        t = None
        if CORE and g.c_rcpt:
            bs = {}
            for m in g.c_rcpt:
                try: bs[m.sess].append(m)
                except KeyError: bs[m.sess] = [m]
            for sess, l in bs.items(): sess.dseq = CORE.receipts(sess.dseq, l, sess.dwin, by.setdefault(sess, []))
            g.c_rcpt = ()
        for m in g.c_rcpt:                                        # receipts to the ESMEs
            sess = m.sess
            q = sess.dseq = sess.dseq + 1
            sess.dwin[q] = m
            pdu = build_receipt(q, m.dst, m.src, b'%016x' % m.id, b'2611220041', b'2611220042', b'DELIVRD', b'000', b'')
            try: by[sess].append(pdu)
            except KeyError: by[sess] = [pdu]
        for sess, l in by.items(): sess.t.write(b''.join(l))
        qs = g.queues
        for m in g.c_new: qs[m.prio].append(m)
        if g.c_new: g.pump()
        if g.hyb and g.fin and (len(g.fin) > 500 or t0(g)):
            g.store.project([(m.state, m.rid, m.t_sent, m.t_done, m.id, m.acct, m.src.decode(), m.dst.decode(), m.body, m.prio, m.t_in) for m in g.fin]); g.fin = []
        if g.ins or g.dirty or g.acks: g.arm()

    def pump(g):
        room = A.window - len(g.window)
        if A.rate:
            t = g.loop.time(); g.tokens = min(A.rate * .01 + 1, g.tokens + (t - g.t_tok) * A.rate); g.t_tok = t
            room = min(room, int(g.tokens))
        out = []; win = g.window; seq = g.seq
        for q in reversed(g.queues):
            if CORE:
                if q: seq, room = CORE.fwd(seq, q, room, win, out)
                continue
            while q and room > 0:
                m = q.popleft(); seq += 1; room -= 1
                win[seq] = m; out.append(build_fwd(SUBMIT, seq, m.body))
        g.seq = seq
        if out: g.smsc.t.write(b''.join(out))
        if A.rate:
            g.tokens -= len(out)
            if g.timer is None and any(g.queues): g.timer = g.loop.call_later(.005, g.tick)

    def tick(g):
        g.timer = None; g.pump()


class Smsc(asyncio.Protocol):
    def __init__(s, g): s.g = g; s.b = b''; g.smsc = s

    def connection_made(s, t):
        s.t = t; t.set_write_buffer_limits(1 << 24); t.write(H(16 + 8 + 7, 9, 0, 0xffff) + A.sysid.encode() + b'\0pw\0\0\0\x34\0\0\0\0\0\0'[:13])

    def data_received(s, d):
        g = s.g
        b = s.b + d if s.b else d
        if CORE:
            ctl = []; dirty = g.dirty; lz = g.lazy if A.lazy else dirty; w = len(g.window)
            c = CORE.smsc_feed(b, now(), s, g.window, g.by_rid, dirty, lz, g.rcpt, g.acks, g.hyb, ctl); s.b = b[c:]
            for cmd, seq in ctl:
                if cmd == ENQ: s.t.write(H(16, ENQ | 0x80000000, 0, seq))
            if len(g.window) < w: g.pump()
            if dirty or g.acks or lz: g.arm()
            return
        fr, c = split(b)
        s.b = b[c:]
        t = now(); win = g.window; dirty = g.dirty; by = g.by_rid; rcpt = g.rcpt; acks = g.acks; freed = False; hyb = g.hyb
        lz = g.lazy if A.lazy else dirty
        for cmd, st, seq, a, e in fr:
            if cmd == SUBMIT_R:
                m = win.pop(seq, None); freed = True
                if m is None: continue
                m.state = 2; m.rid = r = parse_resp(b, a, e).decode(); m.t_sent = t
                if not hyb: m.body = None
                by[r] = m; lz[m.id] = m
            elif cmd == DELIVER:
                f = parse_sm(b, a, e)
                rid, stat, err = parse_receipt(f[16])
                m = by.pop(rid.decode(), None)
                if m is not None:
                    m.state = 5 if stat == b'DELIVRD' else 6; m.t_done = t
                    if A.lazy: lz.pop(m.id, None)
                    dirty[m.id] = m; rcpt.append(m)
                acks.append((s, H(17, DELIVER_R, 0, seq) + b'\0'))
            elif cmd == ENQ: s.t.write(H(16, ENQ | 0x80000000, 0, seq))
        if freed: g.pump()
        if dirty or acks or lz: g.arm()


class Esme(asyncio.Protocol):
    def __init__(s, g): s.g = g; s.b = b''; s.dseq = 0; s.dwin = {}; s.acct = 1

    def connection_made(s, t): s.t = t; t.set_write_buffer_limits(1 << 24)

    def data_received(s, d):
        g = s.g
        b = s.b + d if s.b else d
        if CORE:
            ctl = []; lz = g.lazy if A.lazy else g.dirty
            g.next_id, c = CORE.esme_feed(b, g.next_id, now(), s.acct, s, s.dwin, g.ins, g.acks, g.new, lz, g.fin, g.hyb, ctl); s.b = b[c:]
            for cmd, seq in ctl:
                if cmd == 9: s.t.write(H(19, 0x80000009, 0, seq) + b'gw\0')
                elif cmd == ENQ or cmd == UNBIND: s.t.write(H(16, cmd | 0x80000000, 0, seq))
            if g.ins or g.dirty or lz: g.arm()
            return
        fr, c = split(b)
        s.b = b[c:]
        t = now(); i = g.next_id; ins = g.ins; acks = g.acks; new = g.new; dirty = g.dirty; acct = s.acct; dwin = s.dwin; hyb = g.hyb; fin = g.fin
        lz = g.lazy if A.lazy else dirty
        for cmd, st, seq, a, e in fr:
            if cmd == SUBMIT:
                f = parse_sm(b, a, e)
                i += 1
                body = b[a + 16:e]; p = f[9] & 3
                m = PMsg(i, acct, f[3], f[6], body, p, t, s)
                ins.append((i, acct, f[3].decode(), f[6].decode(), body, p, t))
                acks.append((s, build_resp16(seq, b'%016x' % i))); new.append(m)
            elif cmd == DELIVER_R:
                m = dwin.pop(seq, None)
                if m is not None:
                    m.state += 2; lz[m.id] = m
                    if hyb: fin.append(m)
            elif cmd == 9: s.t.write(H(19, 0x80000009, 0, seq) + b'gw\0')
            elif cmd == ENQ or cmd == UNBIND: s.t.write(H(16, cmd | 0x80000000, 0, seq))
        g.next_id = i
        if ins or dirty or lz: g.arm()


async def main():
    loop = asyncio.get_running_loop()
    g = Gateway(loop)
    await asyncio.sleep(.05)
    await loop.create_connection(lambda: Smsc(g), '127.0.0.1', A.smsc)
    await loop.create_server(lambda: Esme(g), '127.0.0.1', A.port, reuse_port=A.reuseport or None)
    if A.gc == 'off': gc.disable()
    elif A.gc == 'freeze': gc.collect(); gc.freeze(); gc.set_threshold(50000, 20, 100)
    stop = loop.create_future()
    loop.add_signal_handler(signal.SIGTERM, stop.set_result, None)
    await stop
    r = resource.getrusage(resource.RUSAGE_SELF)
    k = 0
    if A.store in ('proc', 'hybrid', 'hybridt'):
        (g.store.t or g.store.p.t).close(); await asyncio.sleep(.1); os.waitpid(g.store.pid, 0)
        c = resource.getrusage(resource.RUSAGE_CHILDREN); k = c.ru_utime + c.ru_stime
    n = max(1, g.next_id - A.idbase)
    print(f'n={n} cpu_us={1e6 * (r.ru_utime + r.ru_stime) / n:.2f} user={1e6 * r.ru_utime / n:.2f} sys={1e6 * r.ru_stime / n:.2f} '
          f'child_us={1e6 * k / n:.2f} commits={g.commits} rows/commit={g.rows / max(1, g.commits):.0f} rows/msg={g.rows / n:.2f} rss_MB={r.ru_maxrss // 1024} left={len(g.by_rid)}', flush=True)


if __name__ == '__main__':
    sys.setswitchinterval(A.switch)
    if A.loop == 'uvloop':
        import uvloop
        uvloop.install()
    if A.prof:
        import cProfile
        p = cProfile.Profile()
        try: p.runcall(asyncio.run, main())
        finally: p.dump_stats(A.prof)
    else: asyncio.run(main())
