"""The only folder that imports Ryu or eventlet.

Ryu 4.34 imports ``eventlet.wsgi.ALREADY_HANDLED``, which eventlet removed in 0.30.3. Setting it
before Ryu is imported is all that Ryu needs: only its websocket support, unused here, looks at it.
"""

import warnings

# Ryu is built on eventlet; that eventlet is in maintenance is no news to those who start it.
warnings.filterwarnings("ignore", message="(?s).*Eventlet is deprecated")

import eventlet.wsgi  # noqa: E402

if not hasattr(eventlet.wsgi, "ALREADY_HANDLED"):
    eventlet.wsgi.ALREADY_HANDLED = object()
