#include "survey/signals.h"

static volatile sig_atomic_t stop, hangup;

static void
on_signal(int number)
{
	if (number == SIGHUP)
		hangup = 1;
	else
		stop = 1;
}

void
signals_catch(void)
{
	/* No SA_RESTART for the first two: whoever waits for input is to wake up. */
	struct sigaction end = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	struct sigaction hup = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &hup, NULL);
}

const volatile sig_atomic_t *
signals_stop(void)
{
	return &stop;
}

bool
signals_hangup(void)
{
	bool was = hangup != 0;

	hangup = 0;
	return was;
}
