/* src/loop/timer.c - a wheel of 512 slots of 16 ms each.
 *
 * Start and stop are O(1). A timer stands in the slot of the tick at which it is due, or, when it
 * was moved later while running, in an earlier one: time-outs are renewed far more often than they
 * fire, so renewing is a store and the slot is put right when its tick comes. Timers beyond one
 * turn of the wheel are looked at once a turn.
 *
 * Must not know: what a timer is for. */
#include "inside.h"

static int64_t tick_of(int64_t ms)
{
    return (ms + (1 << TICK_BITS) - 1) >> TICK_BITS; /* rounded up: never early */
}

void dj_wheel_init(dj_wheel *wheel, int64_t now_ms)
{
    wheel->tick = now_ms >> TICK_BITS;
}

static void link_in(dj_wheel *wheel, dj_timer *t)
{
    int64_t tick = tick_of(t->due_ms);
    if (tick <= wheel->tick)
        tick = wheel->tick + 1;
    size_t     slot = (size_t)tick % WHEEL_SLOTS;
    dj_timer **head = &wheel->slots[slot];
    t->next = *head;
    t->link = head;
    if (t->next != NULL)
        t->next->link = &t->next;
    *head = t;
    wheel->busy[slot / 64] |= (uint64_t)1 << slot % 64;
}

static void link_out(dj_timer *t)
{
    *t->link = t->next;
    if (t->next != NULL)
        t->next->link = t->link;
    t->link = NULL;
}

void dj_timer_start(dj_loop *loop, dj_timer *t, int64_t after_ms)
{
    int64_t due = loop->ms + (after_ms > 0 ? after_ms : 0);
    if (t->link != NULL) {
        if (due >= t->due_ms) {
            t->due_ms = due;
            return;
        }
        link_out(t);
    } else {
        loop->wheel.running++;
    }
    t->due_ms = due;
    link_in(&loop->wheel, t);
}

void dj_timer_stop(dj_loop *loop, dj_timer *t)
{
    if (t->link == NULL)
        return;
    link_out(t);
    loop->wheel.running--;
}

int dj_wheel_next(const dj_loop *loop)
{
    const dj_wheel *wheel = &loop->wheel;
    if (wheel->running == 0)
        return -1;
    /* The first busy slot after the current one, a word of 64 slots at a time; once around and no
     * further. */
    int64_t tick = wheel->tick + 1;
    for (int64_t end = tick + WHEEL_SLOTS; tick < end;) {
        size_t   slot = (size_t)tick % WHEEL_SLOTS;
        uint64_t bits = wheel->busy[slot / 64] >> slot % 64;
        if (bits != 0) {
            tick += __builtin_ctzll(bits);
            break;
        }
        tick += 64 - (int64_t)(slot % 64);
    }
    int64_t wait = (tick << TICK_BITS) - loop->ms;
    return wait < 0 ? 0 : (int)wait;
}

/* The timers of one slot: due ones fire, the others go where they belong now. */
static void serve(dj_loop *loop, size_t slot)
{
    dj_wheel *wheel = &loop->wheel;
    uint64_t  bit = (uint64_t)1 << slot % 64;
    if ((wheel->busy[slot / 64] & bit) == 0)
        return;
    wheel->busy[slot / 64] &= ~bit;
    /* Taken off first: a callback may start and stop any timer, those in this list too. */
    dj_timer *taken = wheel->slots[slot];
    wheel->slots[slot] = NULL;
    if (taken != NULL)
        taken->link = &taken;
    while (taken != NULL) {
        dj_timer *t = taken;
        link_out(t);
        if (t->due_ms > loop->ms) {
            link_in(wheel, t);
        } else {
            wheel->running--;
            t->fire(t);
        }
    }
}

void dj_wheel_turn(dj_loop *loop)
{
    dj_wheel *wheel = &loop->wheel;
    int64_t   now = loop->ms >> TICK_BITS;
    if (now <= wheel->tick)
        return;
    /* After a long sleep each slot is served once, not once per tick that went by. */
    int64_t first = now - wheel->tick > WHEEL_SLOTS ? now - WHEEL_SLOTS + 1 : wheel->tick + 1;
    /* `tick` goes along: what a callback starts lands in a slot that is still to come. */
    for (int64_t tick = first; tick <= now; tick++) {
        wheel->tick = tick;
        serve(loop, (size_t)tick % WHEEL_SLOTS);
    }
}
