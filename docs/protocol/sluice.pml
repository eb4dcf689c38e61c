/* Sluice's protocol (../protocol.md) as a Promela model. One sale, one ticket type, three orders.
 *
 * Every d_step is one thing that is atomic in reality: a Lua script, a Postgres commit, one read under the gate. Between two of
 * them every other process may run. Jobs: a worker may at any time take up any orders that are in the outbox, or leave them; that
 * covers lost, late and doubled jobs, the API's death between reserve and enqueue, and requeue. Not in the model: queued-at and
 * queued-by (indexes of the outbox, rebuilt with it), several items an order, clocks.
 *
 * Parameters: -DCAP=n capacity; -DWHO=n 0: orders 0 and 1 are two purchases of one buyer, 1: one purchase sent twice (idempotency
 * key), 2: three buyers; -DADMIN=bits 1 lowers capacity by one, 2 raises it, 4 changes a field only (pause, limit ...), 8 cancels
 * confirmed orders, 16 order 2 is a dead letter that he may discard, 32 order 2 was not made durable in time: jobs may reject or
 * write it, 64 an order whose hold expired is paid late and takes its stock again (not with 8: in the model an order comes back once);
 * -DMAY=bits the faults, -DFAULTS=n of them in one run, each kind once (-DREPEAT: any number of times); -DW1, -DR1 one
 * worker, one reloader; -DD2 two deliverers; -DC2 two changes at once; -DSTATUS watch what order 0's buyer is told; -DMERGE cancel
 * and expire acquire and commit in one step (in between they only shut out the exclusive takers); -DX=n break a rule.            */
#ifndef X
#define X 0                       /* 0: the protocol as it is. Else the rule that is broken: */
#endif
#define X_WEIGH 1                 /* change: a cut does not look at what is available */
#define X_STAMPED 2               /* reserve: does not look at the stamps */
#define X_TOKEN 3                 /* fence: is known by its epoch */
#define X_IDEM 5                  /* no stamp in idem */
#define X_CONFIRM 6               /* confirm: answers before settle (with STATUS) */
#define X_STATUS 7                /* status: trusts any Redis (with STATUS) */
#define X_DISCARD 8               /* a dead letter is discarded by a reload (ADMIN=16) */
#define X_GATE 9                  /* persist: reads the outbox before the gate */
#define X_FENCE 10                /* load: does not check the fence */
#define X_SETTLE 11               /* settle: does not check the outbox */
#define X_LOADED 12               /* release: does not check which load counted last */
#define X_BATCH 13                /* release: does not look at the number of the last batch */
#define X_AT 14                   /* no stamp anywhere */
#define X_ROWS 15                 /* reload: keeps stock_returns */
#define X_RUNID 16                /* reserve: does not check runId */
#define X_OPEN 17                 /* reserve: does not heed the fence, nor load that the outbox is as it was read (either is enough) */
#define X_RAISE 18                /* change: adds capacity in Redis inside the transaction that adds it in Postgres */
#define X_FROM 19                 /* change: the script does not check the epoch */
#define X_OPENED 20               /* deliverer: numbers a batch while another is under way */
#define X_FIRST 21                /* change: added capacity goes to Redis although a reload came first */
#define X_MARK 22                 /* change: does not look at the stamps it renews */
#define X_NEXT 23                 /* change: leaves the epoch as it is */
#define X_PAID 24                 /* change: a late payment looks at what the buyer has in Postgres only */
#define X_LATE 25                 /* change: a late payment looks at the stock in Postgres only */
#define X_UNDO 26                 /* a late payment takes back a return that may be in Redis already */
#define X_SURE 27                 /* a late payment takes back a return though Redis may have loaded the sale since */
#ifndef MAY
#define MAY 0                     /* faults, 1 << kind: */
#endif
#define WDIE  0                   /* a worker dies, at any step */
#define RDIE  1                   /* a reloader or a changer dies, at any step: rollback, the gate is free */
#define CFAIL 2                   /* a reload's or a change's commit fails after its script */
#define LATE  3                   /* one of their scripts passes its deadline: rollback, the gate is free, the script runs later */
#define DDIE  4                   /* the deliverer dies between release and deletion */
#define SPUR  5                   /* a reload that nothing called for (a compare that misread) */
#define FLUSH 6                   /* FLUSHALL */
#define BACK  7                   /* Redis comes back as it was at an earlier moment, with a new runId */
#define HALF  8                   /* one key is lost; HALVES: 1 stock 2 buyers 4 queued 8 idem 16 sale */
#ifndef HALVES
#define HALVES 31
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef CAP
#define CAP 2
#endif
#ifndef ADMIN
#define ADMIN 0
#endif
#define LIMIT 1                   /* maxPerBuyer */
#ifndef LOSSES
#define LOSSES 1                  /* so many losses of Redis's data leave Postgres nothing to refuse */
#endif
#define EMAX 12                   /* more reloads and changes than any run can need: to reach it is a livelock */
#ifdef MERGE
#define BEGIN atomic {
#define END }
#else
#define BEGIN
#define END
#endif
#ifndef WHO
#define WHO 0
#endif
#define B(o) (WHO == 2 -> (o) : (o) >> 1)
#define KEYED(o) (WHO == 1 && (o) < 2)
#define POISON(o) (HAS(ADMIN, 4) && (o) == 2)
#define NONE 0                    /* order status; from 5 on rejected: duplicate (or discarded, not durable), stock, limit; 8, 9: only in answers */
#define RESERVED 1
#define CONFIRMED 2
#define CANCELLED 3
#define EXPIRED 4
#define R_DUP 5
#define R_STOCK 6
#define R_LIMIT 7
#define QUEUED 8
#define GONE 9
#define BIT(o) (1 << (o))
#define HAS(m, o) (((m) >> (o)) & 1)
#define CNT(m) (HAS(m,0) + HAS(m,1) + HAS(m,2))

/* ---- Redis ---- */
bit sale = 1;                     /* the sale hash (a fence alone does not make one) */
byte epoch = 1, fence, runId = 1;
byte server = 1;                  /* the server's run id, which each script asks the server itself for */
short stock = CAP, buyers[3];
short sum, se, gi;                /* in the hash of the stock, too: tickets in the outbox; settled and given back since the load */
byte loaded = 1, rbatch;          /* in the hash of the sale: the epoch of the load, the last batch of returns that was given back */
bit field;                        /* status, window, limit: what reserve decides by beside stock */
byte queued, idem;
byte at[4] = 1;                   /* the stamps of stock, buyers, queued, idem; 0: the key is lost */
#if HAS(MAY, BACK)                /* an older image of it */
bit saved, s_sale, s_field; byte s_epoch, s_fence, s_runId, s_loaded, s_rbatch; short s_stock, s_buyers[3], s_sum, s_se, s_gi; byte s_queued, s_idem, s_at[4];
#endif
/* ---- Postgres ---- */
byte st[3], capacity = CAP, taken, total[3]; bit pg_field;
short wr, gv;                     /* tickets written and given back (or refused) since the load */
byte rows, open;                  /* stock_returns, one an order at the most; those of the batch under way */
byte pbatch, pload = 1;           /* the number of the last batch; the epoch of the last load */
byte pg_epoch = 1;
bit gateX; byte gateS;            /* the gate: held exclusively; number of shared holders */
/* ---- ghosts and budgets ---- */
byte acked, lost, seen, faults = FAULTS, admin = ADMIN & 71;
byte dead = (ADMIN & 16) >> 2;            /* dead letters that nobody has discarded yet; then a job like others, with the verdict rejected */
short may = MAY;
bit over;                         /* nobody does anything any more: no request, no hold running out */
byte losses;                      /* of Redis's data in this run */
#define can(t) (HAS(MAY, t) && faults > 0 && HAS(may, t))
inline forget() {
#if HAS(MAY, BACK)
  saved = 0; s_sale = 0; s_field = 0; s_epoch = 0; s_fence = 0; s_runId = 0; s_stock = 0; s_buyers[0] = 0; s_buyers[1] = 0; s_buyers[2] = 0; s_sum = 0;
  s_se = 0; s_gi = 0; s_loaded = 0; s_rbatch = 0; s_queued = 0; s_idem = 0; s_at[0] = 0; s_at[1] = 0; s_at[2] = 0; s_at[3] = 0;
#endif
  skip
}
inline use(t) {
  faults--;
#ifndef REPEAT
  may = may & ~BIT(t);
#endif
  if :: faults == 0 -> forget(); may = 0 :: else fi
}

/* ---- what compare sees ---- */
#define INPG ((st[0] != NONE) + 2*(st[1] != NONE) + 4*(st[2] != NONE))
#define POS(x) ((x) > 0 -> (x) : 0)
#define DRIFT (capacity - stock - (sum - POS(wr - se)) - taken - POS(gv - gi))
#define STAMPED (X == X_AT || (at[0] == epoch && at[1] == epoch && at[2] == epoch && (X == X_IDEM || at[3] == epoch)))
#define SOUND (sale && !fence && runId == server && epoch == pg_epoch && STAMPED)
#define WELL (SOUND && DRIFT == 0)

/* ---- invariants 1, 2, 3 ---- */
#define HELD(o) (st[o] == RESERVED || st[o] == CONFIRMED)
#define KEPT(o) (!HAS(acked & ~lost, o) || HAS(queued, o) || st[o] != NONE)
inline inv() {
  assert(taken <= capacity && taken == HELD(0) + HELD(1) + HELD(2));
  assert(KEPT(0) && KEPT(1) && KEPT(2));
  assert(total[0] <= LIMIT && total[1] <= LIMIT && total[2] <= LIMIT);
  assert(!SOUND || (gi <= gv && se <= wr))                              /* no more came back, or was settled, than Postgres says */
}

/* ---- scripts of buyers and workers ---- */
#define OPEN (sale && (X == X_OPEN || !fence) && (X == X_RUNID || runId == server) && (X == X_STAMPED || STAMPED))
#define MAY_RESERVE(o) (OPEN && (!KEYED(o) || idem == 0) && stock > 0 && buyers[B(o)] < LIMIT)
inline reserve(o) {
  stock--; buyers[B(o)]++; queued = queued | BIT(o); sum++; acked = acked | BIT(o);
  if :: KEYED(o) -> idem = o + 1 :: else fi
}
inline settle(o) {
  if :: X == X_SETTLE || HAS(queued, o) -> queued = queued & ~BIT(o); sum--; se++;
        if :: st[o] >= R_DUP -> stock++; gi++; buyers[B(o)]-- :: else fi
     :: else
  fi;
  inv()
}

/* ---- Postgres transactions: their effect, at commit ---- */
inline persist(o) {
  if
  :: !HAS(hand, o) || st[o] != NONE                                     /* ON CONFLICT (id) DO NOTHING */
  :: HAS(hand, o) && st[o] == NONE && (POISON(o) || no) -> st[o] = R_DUP; wr++; gv++ /* discarded, not durable */
  :: HAS(hand, o) && st[o] == NONE && !(POISON(o) || no) ->
     if                                                                 /* invariant 6: while Redis keeps its data (holds after one loss too) */
     :: KEYED(o) && st[1 - (o)] != NONE -> st[o] = R_DUP; gv++; assert(losses > LOSSES)
     :: else ->
        if
        :: total[B(o)] >= LIMIT -> st[o] = R_LIMIT; gv++; assert(losses > LOSSES)
        :: total[B(o)] < LIMIT && taken >= capacity -> st[o] = R_STOCK; gv++; assert(losses > LOSSES)
        :: else -> st[o] = RESERVED; taken++; total[B(o)]++
        fi
     fi;
     wr++
  fi
}
#define ENDS(o) (st[o] == RESERVED || (HAS(ADMIN, 3) && st[o] == CONFIRMED))
inline finish(o, to) {                                                  /* cancel, expire */
  if :: (to == CANCELLED -> ENDS(o) : st[o] == RESERVED) -> st[o] = to; taken--; total[B(o)]--; gv++; rows = rows | BIT(o)
     :: else
  fi
}

/* ---- invariant 5 (with STATUS): what the buyer of order 0 is told, by answers and by polls ---- */
inline say(x) {
  assert(seen == x || seen == NONE || (seen == QUEUED && (x != GONE || HAS(lost, 0))) || (seen == RESERVED && x > RESERVED && x < R_DUP));
  seen = x
}
#define TRUSTED (X == X_STATUS || (sale && runId == server && at[2] == epoch))
#define SHARE (gateX == 0)

/* ---- a buyer's order: buys; then confirms (no gate) or cancels (gate, shared), or neither ---- */
proctype Order(byte o) {
  byte p;
end_buy:
  if :: d_step { !over && MAY_RESERVE(o) -> reserve(o); if :: o == 0 -> seen = QUEUED :: else fi } fi;
end_hold:
  do
  :: d_step { !over && st[o] == RESERVED -> st[o] = CONFIRMED };
#ifdef STATUS
     d_step { if :: X != X_CONFIRM -> settle(o) :: else fi };
     d_step { if :: o == 0 -> say(CONFIRMED) :: else fi }
#endif
  :: BEGIN d_step { !over && ENDS(o) && SHARE -> gateS++ };
     d_step { p = ENDS(o); finish(o, CANCELLED); inv(); gateS-- } END;
#ifdef STATUS
     d_step { if :: p -> settle(o) :: else fi };
     d_step { if :: p && o == 0 -> say(CANCELLED) :: else fi; p = 0 }
     /* a poll: Redis, then Postgres. An entry that cannot be trusted is settled before its row is told; without a row: recovering */
  :: d_step { !over && o == 0 && HAS(queued, 0) && TRUSTED -> say(QUEUED) }
  :: d_step { !over && o == 0 && !(HAS(queued, 0) && TRUSTED) -> p = 1 + HAS(queued, 0) + 2*TRUSTED };
     if
     :: d_step { st[0] != NONE -> p = (p == 2 -> 20 : 10) + st[0] };
        d_step { if :: p > 20 -> settle(0); p = p - 10 :: else fi };
        d_step { say(p - 10); p = 0 }
     :: d_step { st[0] == NONE -> if :: p == 3 -> say(GONE) :: else fi; p = 0 }
     fi
#else
     d_step { p = 0 }
#endif
  od
}

proctype Expirer() {
  byte o;
end_idle:
  do
  :: BEGIN atomic { !over && SHARE && (st[0] == RESERVED || st[1] == RESERVED || st[2] == RESERVED) -> gateS++;
       if :: st[0] == RESERVED -> o = 0 :: st[1] == RESERVED -> o = 1 :: st[2] == RESERVED -> o = 2 fi };
     d_step { finish(o, EXPIRED); inv(); gateS--; o = 0 } END
  od
}

#define WORK (queued & ~dead)
#define FREE (gateX == 0 && gateS == 0)
proctype Worker() {
  byte hand; bit no;                /* no: the job says reject */
end_idle:
  do
  :: d_step { X == X_GATE && hand == 0 && WORK != 0 -> hand = WORK };
     if :: d_step { FREE -> gateX = 1 } fi; goto commit
  :: d_step { X != X_GATE && hand == 0 && WORK != 0 && FREE -> gateX = 1 };
     if                                                             /* reads the payloads under the gate */
     :: d_step { HAS(WORK, 0) -> hand = 1 }
     :: d_step { HAS(WORK, 1) -> hand = 2 }
     :: d_step { HAS(WORK, 2) -> hand = 4 }
     :: d_step { HAS(ADMIN, 5) && HAS(WORK, 2) -> hand = 4; no = 1 }
     :: d_step { CNT(WORK) > 1 -> hand = WORK }
     :: d_step { WORK == 0 -> gateX = 0 }; goto end_idle
     :: d_step { can(WDIE) -> use(WDIE); gateX = 0 }; goto end_idle
     fi;
commit:
     if
     :: d_step { persist(0); persist(1); persist(2); inv(); no = 0; gateX = 0 }
     :: d_step { can(WDIE) -> use(WDIE); gateX = 0; hand = 0; no = 0 }
     fi
  :: d_step { HAS(hand, 0) -> settle(0); hand = hand & 6 }
  :: d_step { HAS(hand, 1) -> settle(1); hand = hand & 5 }
  :: d_step { HAS(hand, 2) -> settle(2); hand = hand & 3 }
  :: d_step { hand != 0 && can(WDIE) -> use(WDIE); hand = 0 }
  od
}

#define LIVE (sale && (X == X_LOADED || loaded == e))
#define BACKED(o) buyers[B(o)] = buyers[B(o)] - HAS(b, o)
proctype Deliverer() {
  byte b, n, e;                     /* the batch in hand, its number, the load that counted before it */
end_idle:
  if                                                                /* numbers some or all that is undelivered, unless a batch is under way */
  :: d_step { SHARE && (open == 0 || X == X_OPENED) && (rows & ~open) != 0 -> pbatch++; open = open | rows }
  :: d_step { SHARE && (open == 0 || X == X_OPENED) && HAS(rows & ~open, 0) -> pbatch++; open = open | 1 }
  :: d_step { SHARE && (open == 0 || X == X_OPENED) && HAS(rows & ~open, 1) -> pbatch++; open = open | 2 }
  :: d_step { open != 0 && (loaded == pload || can(BACK) || X == X_LOADED) -> b = open; n = pbatch; e = pload }
  fi;
  if :: b == 0 -> goto end_idle :: else fi;
  if                                                                /* release */
  :: d_step { LIVE && (rbatch == n - 1 || X == X_BATCH) ->
       stock = stock + CNT(b); gi = gi + CNT(b); BACKED(0); BACKED(1); BACKED(2); rbatch = n; inv() }
  :: d_step { LIVE && rbatch >= n && X != X_BATCH -> skip }
  :: d_step { !LIVE || (rbatch < n - 1 && X != X_BATCH) -> b = 0; n = 0; e = 0 }; goto end_idle   /* leave it: a reload counts it */
  fi;
  if
  :: d_step { if :: e == pload -> rows = rows & ~b; open = open & ~b :: else fi; b = 0; n = 0; e = 0 }
  :: d_step { can(DDIE) -> use(DDIE); b = 0; n = 0; e = 0 }
  fi;
  goto end_idle
}

inline stamp(e) { epoch = e; at[0] = e; at[1] = e; at[2] = e; at[3] = e }

/* ---- reload: the one way to mend (the fence, the outbox, the load) ---- */
#define TOKEN (X == X_TOKEN -> tok : (tok << 1) + me)               /* no two attempts that can still act share one */
#define OURS (X == X_FENCE || fence == TOKEN)
#define QN(o) (HAS(queued, o) && st[o] == NONE)
#define LIVES(o) (KEYED(o) && (QN(o) || (st[o] != NONE && st[o] != R_DUP)))
inline load() {                                                     /* refused, too, where the outbox is not as it was read */
  if
  :: OURS && (X == X_OPEN || queued == ql) ->
     stock = v; field = pg_field; buyers[0] = nb[0]; buyers[1] = nb[1]; buyers[2] = nb[2]; idem = ni; sum = CNT(queued);
     se = 0; gi = 0; loaded = tok; rbatch = pbatch; runId = server; sale = 1; fence = 0; stamp(tok); done_ = 1
  :: else
  fi;
  inv()
}
inline rest() { chg = 0; done_ = 0; tok = 0; dl = 0; ql = 0; ni = 0; v = 0; nb[0] = 0; nb[1] = 0; nb[2] = 0 }
inline leave() { gateX = 0; rest() }                                /* the transaction is over, committed or not */
proctype Reloader(bit me) {
  bit done_; byte chg, tok, dl, ql, ni; short v, nb[3];            /* chg: 1 for nothing; 2 discard (only when broken so) */
end_idle:
  if                                                                /* the gate; then look again */
  :: d_step { FREE && !WELL -> gateX = 1 }
  :: d_step { FREE && can(SPUR) -> use(SPUR); gateX = 1; chg = 1 }
  :: d_step { X == X_DISCARD && FREE && POISON(2) && QN(2) -> gateX = 1; chg = 2 }
  fi;
  if
  :: d_step { WELL && !chg -> gateX = 0 }; goto end_idle            /* all is well: nothing to do */
  :: d_step { !WELL || chg -> tok = pg_epoch + 1; assert(tok < EMAX) }
  :: d_step { can(RDIE) -> use(RDIE); leave() }; goto end_idle
  fi;
  if                                                                /* fence */
  :: d_step { fence = TOKEN }
  :: d_step { can(LATE) -> use(LATE); gateX = 0 }; d_step { fence = TOKEN; rest() }; goto end_idle
  :: d_step { can(RDIE) -> use(RDIE); leave() }; goto end_idle
  fi;
  if                                                                /* read the outbox, ask Postgres */
  :: d_step {
       dl = queued & INPG; ql = queued & ~INPG; v = capacity - taken - CNT(ql);
       if :: chg == 2 && QN(2) -> dl = dl | 4; ql = ql & 3; v++ :: chg == 2 && !QN(2) -> chg = 1 :: else fi;
       nb[0] = total[0]; nb[1] = total[1]; nb[2] = total[2];
       if :: QN(0) -> nb[B(0)]++ :: else fi; if :: QN(1) -> nb[B(1)]++ :: else fi;
       if :: QN(2) && chg != 2 -> nb[B(2)]++ :: else fi;
       if :: LIVES(0) -> ni = 1 :: LIVES(1) && !LIVES(0) -> ni = 2 :: else fi }
  :: d_step { can(RDIE) -> use(RDIE); leave() }; goto end_idle
  fi;
  if                                                                /* drop what Postgres has */
  :: d_step { OURS || dl == 0 -> queued = queued & ~dl; dl = 0 }
  :: d_step { !OURS && dl != 0 -> leave() }; goto end_idle
  :: d_step { can(RDIE) -> use(RDIE); leave() }; goto end_idle
  :: d_step { dl != 0 && can(LATE) -> use(LATE); gateX = 0 };
     d_step { if :: OURS -> queued = queued & ~dl :: else fi; inv(); rest() }; goto end_idle
  fi;
  if                                                                /* load */
  :: d_step { load(); if :: !done_ -> leave() :: else fi }; if :: !done_ -> goto end_idle :: else fi
  :: d_step { can(RDIE) -> use(RDIE); leave() }; goto end_idle
  :: d_step { can(LATE) -> use(LATE); gateX = 0 }; d_step { load(); rest() }; goto end_idle
  fi;
  if                                                                /* commit */
  :: d_step {
       pg_epoch = tok;
       if :: chg == 2 && st[2] == NONE -> st[2] = R_DUP :: else fi;
       if :: X != X_ROWS -> rows = 0; open = 0 :: else fi;
       wr = 0; gv = 0; pload = tok;
       inv(); leave() }
  :: d_step { can(RDIE) -> use(RDIE); leave() }
  :: d_step { can(CFAIL) -> use(CFAIL); leave() }
  fi;
  goto end_idle
}

/* ---- change: an admin's change of a sale that is well; nobody is fenced out ---- */
#define AT(from) (sale && !fence && runId == server && (X == X_FROM || epoch == from) && (X == X_MARK || STAMPED))
#define LATER (chg == 64)                                            /* a late payment: for the buyer of order `paid` */
#define FITS(d) ((X == X_WEIGH || (X == X_LATE && LATER) || stock + d >= 0) && (!LATER || X == X_PAID || buyers[B(paid)] < LIMIT))
inline change(d, f) {                                                /* r: 1 changed, 2 unsound, 3 a cut exceeds what is available, or the buyer his limit */
  if
  :: !AT(from) -> r = 2
  :: AT(from) && !FITS(d) -> r = 3
  :: AT(from) && FITS(d) -> stock = stock + d; field = f; r = 1;
     if :: LATER -> buyers[B(paid)]++ :: else fi;
     if :: X == X_NEXT -> stamp(epoch) :: else -> stamp(from + 1) fi
  fi
}
#define DIFF ((X == X_RAISE && chg == 2) - (chg == 1) - LATER)
#define OWED(o) (st[o] == EXPIRED && taken < capacity && total[B(o)] < LIMIT)  /* what Postgres itself asks for */
#define BACK_NOW(o) HAS(X == X_UNDO -> rows : rows & ~open, o)          /* its return is on no way to Redis: the payment takes it back in Postgres alone */
#define CURRENT (SOUND || X == X_SURE)
inline undo(o) { admin = admin & ~64; st[o] = CONFIRMED; taken++; total[B(o)]++; gv--; rows = rows & ~BIT(o); open = open & ~BIT(o); inv() }
#define MISSING (SOUND && DRIFT > 0)                                 /* read under the gate, where nothing changes it */
#define FIELD (chg == 4 -> 1 : pg_field)
inline next() { if :: X != X_NEXT -> pg_epoch++ :: else fi; assert(pg_epoch < EMAX); inv() }
inline done() { gateX = 0; chg = 0; from = 0; r = 0; paid = 0 }
proctype Changer() {
  byte chg, from, r, paid;                                          /* chg: 1 capacity down, 2 up, 4 a field, 64 order `paid` was paid late */
end_idle:
  if
  :: d_step { FREE && HAS(admin, 0) && capacity > taken -> admin = admin & ~1; chg = 1; gateX = 1; from = pg_epoch }
  :: d_step { FREE && HAS(admin, 1) -> admin = admin & ~2; chg = 2; gateX = 1; from = pg_epoch }
  :: d_step { FREE && HAS(admin, 2) -> admin = admin & ~4; chg = 4; gateX = 1; from = pg_epoch }
  :: d_step { SHARE && HAS(admin, 6) && OWED(0) && BACK_NOW(0) && CURRENT -> undo(0) }; goto end_idle
  :: d_step { SHARE && HAS(admin, 6) && OWED(1) && BACK_NOW(1) && CURRENT -> undo(1) }; goto end_idle
  :: d_step { SHARE && HAS(admin, 6) && OWED(2) && BACK_NOW(2) && CURRENT -> undo(2) }; goto end_idle
  :: d_step { FREE && HAS(admin, 6) && OWED(0) && !(BACK_NOW(0) && CURRENT) -> admin = admin & ~64; chg = 64; paid = 0; gateX = 1; from = pg_epoch }
  :: d_step { FREE && HAS(admin, 6) && OWED(1) && !(BACK_NOW(1) && CURRENT) -> admin = admin & ~64; chg = 64; paid = 1; gateX = 1; from = pg_epoch }
  :: d_step { FREE && HAS(admin, 6) && OWED(2) && !(BACK_NOW(2) && CURRENT) -> admin = admin & ~64; chg = 64; paid = 2; gateX = 1; from = pg_epoch }
  fi;
  if                                                                /* fields and cuts; what is added is Postgres's alone as yet */
  :: d_step { change(DIFF, FIELD) }
  :: d_step { can(RDIE) -> use(RDIE); done() }; goto end_idle
  :: d_step { can(LATE) -> use(LATE); gateX = 0 }; d_step { change(DIFF, FIELD); inv(); chg = 0; from = 0; r = 0; paid = 0 };
     goto end_idle
  fi;
  if
  :: d_step { r == 2 -> admin = admin | chg; done() }; goto end_idle  /* unsound: rollback, a reload, and once more */
  :: d_step { r == 3 -> done() }; goto end_idle                     /* 409: rollback */
  :: d_step { r == 1 ->
       if :: chg == 1 -> capacity-- :: chg == 2 -> capacity++ :: chg == 4 -> pg_field = 1
          :: LATER -> st[paid] = CONFIRMED; taken++; total[B(paid)]++ fi;
       next(); gateX = 0; r = 0; paid = 0;
       if :: chg != 2 || X == X_RAISE -> chg = 0; from = 0 :: else -> from = pg_epoch fi }
  :: d_step { can(RDIE) -> use(RDIE); done() }; goto end_idle
  :: d_step { can(CFAIL) -> use(CFAIL); done() }; goto end_idle
  fi;
  if :: chg == 0 -> goto end_idle :: else fi;
  if                                                                /* the second transaction brings to Redis what was added */
  :: d_step { FREE && (pg_epoch == from || X == X_FIRST || MISSING) -> gateX = 1; from = pg_epoch }
  :: d_step { FREE && !(pg_epoch == from || X == X_FIRST || MISSING) -> chg = 0; from = 0 }; goto end_idle  /* counted by a reload; else compare sees it */
  :: d_step { can(RDIE) -> use(RDIE); chg = 0; from = 0 }; goto end_idle
  fi;
  if
  :: d_step { change(1, pg_field) }
  :: d_step { can(RDIE) -> use(RDIE); done() }; goto end_idle
  :: d_step { can(LATE) -> use(LATE); gateX = 0 }; d_step { change(1, pg_field); inv(); chg = 0; from = 0; r = 0 }; goto end_idle
  fi;
  if
  :: d_step { if :: r == 1 -> next() :: else fi; done() }
  :: d_step { can(RDIE) -> use(RDIE); done() }
  :: d_step { can(CFAIL) -> use(CFAIL); done() }
  fi;
  goto end_idle
}

/* ---- the world ---- */
#define DESTROYED(o, q) (HAS(queued, o) && !HAS(q, o) && st[o] == NONE)
inline lose(q) { lost = lost | DESTROYED(0, q) | 2*DESTROYED(1, q) | 4*DESTROYED(2, q) }
#define LOST(k) can(HALF) && HAS(HALVES, k) -> use(HALF); losses++
proctype World() {
end_idle:
  do
  :: d_step { !over -> over = 1 }
  :: d_step { X != X_DISCARD && !over && POISON(2) && HAS(queued & dead, 2) -> dead = 0 }
  :: d_step { can(FLUSH) -> use(FLUSH); losses++; lose(0); sale = 0; field = 0; epoch = 0; fence = 0; runId = 0; loaded = 0; rbatch = 0; stock = 0; buyers[0] = 0;
       buyers[1] = 0; buyers[2] = 0; sum = 0; se = 0; gi = 0; queued = 0; idem = 0; at[0] = 0; at[1] = 0; at[2] = 0; at[3] = 0; inv() }
  :: d_step { LOST(0); stock = 0; sum = 0; se = 0; gi = 0; at[0] = 0 }
  :: d_step { LOST(1); buyers[0] = 0; buyers[1] = 0; buyers[2] = 0; at[1] = 0 }
  :: d_step { LOST(2); lose(0); queued = 0; at[2] = 0 }
  :: d_step { LOST(3); idem = 0; at[3] = 0 }
  :: d_step { LOST(4); sale = 0; field = 0; epoch = 0; fence = 0; runId = 0; loaded = 0; rbatch = 0 }
#if HAS(MAY, BACK)
  :: d_step { can(BACK) && !saved -> saved = 1; s_sale = sale; s_field = field; s_epoch = epoch; s_fence = fence; s_runId = runId; s_stock = stock;
       s_buyers[0] = buyers[0]; s_buyers[1] = buyers[1]; s_buyers[2] = buyers[2]; s_sum = sum; s_queued = queued; s_idem = idem;
       s_se = se; s_gi = gi; s_loaded = loaded; s_rbatch = rbatch; s_at[0] = at[0]; s_at[1] = at[1]; s_at[2] = at[2]; s_at[3] = at[3] }
  :: d_step { can(BACK) && saved -> losses++; lose(s_queued); server++; sale = s_sale; field = s_field; epoch = s_epoch; fence = s_fence; runId = s_runId; stock = s_stock;
       buyers[0] = s_buyers[0]; buyers[1] = s_buyers[1]; buyers[2] = s_buyers[2]; sum = s_sum; queued = s_queued; idem = s_idem;
       se = s_se; gi = s_gi; loaded = s_loaded; rbatch = s_rbatch; at[0] = s_at[0]; at[1] = s_at[1]; at[2] = s_at[2]; at[3] = s_at[3]; use(BACK); forget(); inv() }
#endif
  od
}

/* ---- invariants 4 and 7: nobody has anything left to do, and all is right ---- */
#define LETTERS(b) (HAS(queued, 2) && B(2) == b)
proctype Quiescence() {
  timeout -> d_step {
    inv();
    assert(gateX == 0 && gateS == 0 && SOUND && field == pg_field);
    assert(WORK == 0 && sum == CNT(queued) && rows == 0 && wr == se && gv == gi);
    assert(stock == capacity - taken - CNT(queued));
    assert(buyers[0] == total[0] + LETTERS(0) && buyers[1] == total[1] + LETTERS(1) && buyers[2] == total[2] + LETTERS(2));
    assert(!KEYED(0) || (idem != 0) == (LIVES(0) || LIVES(1)))
  }
}
init {
  atomic {
    run Order(0); run Order(1); run Order(2); run Worker(); run Deliverer(); run Expirer(); run Reloader(0); run World(); run Quiescence();
#ifndef W1
    run Worker();
#endif
#ifndef R1
    run Reloader(1);
#endif
#ifdef D2
    run Deliverer();
#endif
#if ADMIN & 71
    run Changer();
#endif
#ifdef C2
    run Changer();
#endif
  }
}
