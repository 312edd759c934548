/* include/donjon/donjon.h - everything an application needs: #include <donjon/donjon.h>.
 *
 * For applications only; nothing of Donjon's own includes it. Each header is the manual of its
 * subject. */
#pragma once
#include "donjon/app.h"
#include "donjon/caching.h"
#include "donjon/checks.h"
#include "donjon/cookies.h"
#include "donjon/crypto.h"
#include "donjon/csp.h"
#include "donjon/forms.h"
#include "donjon/host.h"
#include "donjon/html.h"
#include "donjon/json.h"
#include "donjon/log.h"
#include "donjon/map.h"
#include "donjon/middleware.h"
#include "donjon/policy.h"
#include "donjon/request.h"
#include "donjon/response.h"
#include "donjon/routes.h"
#include "donjon/scope.h"
#include "donjon/secret.h"
#include "donjon/settings.h"
#include "donjon/signed_cookies.h"
#include "donjon/signing.h"
#include "donjon/time.h"
#include "donjon/url.h"
