# English. Every other language has the same messages with the same variables; a test compares them.
# A message is named after the page or the part of a page where it appears. Values are escaped for HTML.
# `<a>` leads to the operator's contact. If there is no contact, it is left out.

## On every page

base-footer = Only enter a code that you asked for yourself, or that the operator of this service sent you. Nobody else has a reason to send you one.
steps-label = Steps
steps-code = Code
steps-check = Check
steps-sign-in = Sign in
steps-done = (done)
new-tab = (opens in a new tab)
cancel-button = Cancel
copy-button = Copy
copy-copied = Copied
copy-selected = Selected
consent-name = At { $provider } this appears as <bdi class="given">{ $name }</bdi>.
operator-name = <bdi class="given">{ $name }</bdi> runs this service.
operator-contact = <a>Contact the operator</a>

## Times

time-left = <span class="time">{ $time }</span> left
span-second = { $number ->
    [one] { $number } second
   *[other] { $number } seconds
}
span-minute = { $number ->
    [one] { $number } minute
   *[other] { $number } minutes
}
span-hour = { $number ->
    [one] { $number } hour
   *[other] { $number } hours
}
span-day = { $number ->
    [one] { $number } day
   *[other] { $number } days
}
ago-now = just now
ago-second = { $number ->
    [one] { $number } second ago
   *[other] { $number } seconds ago
}
ago-minute = { $number ->
    [one] { $number } minute ago
   *[other] { $number } minutes ago
}
ago-hour = { $number ->
    [one] { $number } hour ago
   *[other] { $number } hours ago
}
ago-day = { $number ->
    [one] { $number } day ago
   *[other] { $number } days ago
}
date = { $day } { $month ->
    [January] January
    [February] February
    [March] March
    [April] April
    [May] May
    [June] June
    [July] July
    [August] August
    [September] September
    [October] October
    [November] November
   *[December] December
} { $year }, { $time } UTC

## The form for a code

enter-title = Enter your code
enter-error-title = Error: Enter your code
enter-intro = A program that wants to use an account of yours has shown you a code. You will see who asks before anything starts.
enter-address = This page works at <a href="{ $address }">{ $address }</a>.
enter-label = Code
enter-hint = Eight digits, or up to twelve. Spaces and hyphens do not matter.
enter-pattern = Eight to twelve digits, like 1234 5678
enter-button = Continue
enter-empty = Enter the code that your program shows.
enter-malformed = A code has eight digits, like 1234 5678, or up to twelve.
enter-unknown = No program is waiting with this code. Check the digits. An old code no longer works: ask the program for a new one.
notice-heading = The form was not accepted
notice-other-site = It seems to come from another website. If you sent it yourself, press Continue again.
notice-no-cookie = This page needs a cookie to recognise your browser. Allow cookies for this site, then press Continue again.

## The page at a relink URL

relink-title = Link your account again
relink-intro = { $named ->
    [yes] The operator of this service asks you to consent again at <strong>{ $provider }</strong>, so that <bdi class="given">“{ $name }”</bdi> can use your account there.
   *[no] The operator of this service asks you to consent again at <strong>{ $provider }</strong>, so that a program can use your account there.
}
relink-same = Sign in with the same account as before. Any other account is rejected, and then nothing changes.
relink-valid = This link works for <span class="time">{ $time }</span> more.
relink-footer = This link gives nobody access. You decide at { $provider } whether the program may use your account again.

## Who asks, and for what

confirm-title = Do you know this program?
confirm-intro = It wants to use your account at <strong>{ $provider }</strong>.
confirm-relink = It has used one before, and needs your consent again: sign in with the same account.
confirm-nothing-yet = Nothing has started yet.
confirm-program = Program
confirm-not-verified = not verified
confirm-chose-name = The program chose this name itself. Any program can use it.
confirm-no-name = It gave no name
confirm-workload = A job or service that proves who it is
confirm-verified = Verified
confirm-platform = The platform that runs this program has confirmed this.
confirm-asked = Asked
confirm-from = From
confirm-unknown-address = An unknown address
confirm-near = The same network as yours.
confirm-far = Another network than yours. This is normal with mobile data, a VPN or a private relay. Otherwise, if the program runs next to you, cancel.
confirm-provider = Provider
confirm-permissions = Permissions
confirm-default-scopes = What { $provider } gives by default
confirm-warning = <strong>Continue only if you started this yourself.</strong> If somebody sent you the code, cancel: they could use your account.
confirm-invited = <strong>Sign in with the account that was linked before.</strong> The operator of this service has sent you here. With any other account, nothing changes.
confirm-busy = Asking { $provider } …
confirm-button = Continue
confirm-footer = Next you sign in at { $provider } and decide there. The program may then use your account until you or the operator take it back. It never sees your password.

## The pages of a link in progress

live-footer = Keep this page open: it shows by itself how it went.
waiting-title = { $provider } does not answer
waiting-heading = { $provider } has not answered
waiting-text = You have confirmed your code, but { $provider } does not answer at the moment. Nothing has started yet, and nothing is lost: your code stays valid.
waiting-button = Try again
waiting-check = Check now
waiting-footer = The code belongs to this browser now. Nobody else can use it.
prompt-title = Continue at { $provider }
prompt-again = The sign-in at { $provider } was not completed. Please try again.
prompt-decide = { $named ->
    [yes] Sign in at { $provider } and decide whether <bdi class="given">“{ $name }”</bdi> may use your account.
   *[no] Sign in at { $provider } and decide whether the program may use your account.
}
prompt-sent-back = You are then sent back here.
prompt-come-back = Then come back to this page.
prompt-code-heading = If { $provider } shows or asks for a code
prompt-code-text = It must be this one:
prompt-by-hand = You can type it on any device as well, at this address:
prompt-take-code = { $named ->
    [yes] { $provider } will ask for this code. Take it with you, sign in there, and decide whether <bdi class="given">“{ $name }”</bdi> may use your account.
   *[no] { $provider } will ask for this code. Take it with you, sign in there, and decide whether the program may use your account.
}
prompt-unsafe = { $provider } gave an address that this page does not open. Tell <a>the operator of this service</a>.
prompt-state = Waiting for you at { $provider }
prompt-continue = Continue to { $provider }
prompt-open = Open { $provider }
prompt-host = Leads to <span class="mono">{ $host }</span>
prompt-host-new-tab = Leads to <span class="mono">{ $host }</span>, in a new tab
finishing-title = Almost done
finishing-text = { $provider } has answered. This takes a moment more.
finishing-state = Finding out whose account it is
confirming-title = Type this code into the program
confirming-text = Go back to the program that you started and type this return code there:
confirming-warning = <strong>Give this code to nobody.</strong> If somebody asks you for it, by phone, in a chat or by mail, press Cancel: they want to use your account.
confirming-state = Waiting for the program
confirming-footer = Until the program sends the code, it gets no access. After three minutes the permission is given back.

## Linked

linked-title = Linked
linked-text = { $named ->
    [yes] <bdi class="given">“{ $name }”</bdi> can now use this account.
   *[no] The program can now use this account.
}
linked-account = Account
linked-unidentified = { $provider } does not say whose it is
linked-closing = You can close this tab and go back to the program.
linked-disown = This was not me
linked-busy = Taking it back…
linked-footer = Not what you wanted? For 24 hours, “This was not me” ends the program's access. You can also take the permission back in your settings at { $provider }, or ask <a>the operator of this service</a> to remove it.
linked-footer-again = Not what you wanted? You can take the permission back in your settings at { $provider }, or ask <a>the operator of this service</a> to remove it.

## Ends and errors

ended-details = Details
ended-again = Enter another code
ended-invited-advice = Open the link again, or ask the person who sent you the link or the code for a new one.
request-id = Request id, for the operator: <code class="mono" translate="no">{ $id }</code>

cancelled-heading = Cancelled
cancelled-text = You cancelled. The program gets no access, and it knows that.
cancelled-invited-text = You cancelled. Nothing has changed.
cancelled-advice = You can close this tab.

disowned-heading = Taken back
disowned-account = The program can no longer use your account, nor can any program that you linked to it later. The permission is given back to the provider.
disowned-key = The program can no longer use your account. It was linked before, so your other programs keep it.
disowned-advice = A token that the program got before may work for some minutes more. If somebody talked you into this, look at your account at the provider, and tell <a>the operator of this service</a>.

nothing-left-heading = Nothing is left to take back
nothing-left-text = Either you have taken the consent back already, or it is more than 24 hours old, or another browser gave it.
nothing-left-advice = If a program still uses your account, end its access in your settings at the provider, or ask <a>the operator of this service</a>.

denied-heading = Access denied
denied-text = You declined at { $provider }. Nothing was linked.
denied-advice = If you did not decline yourself, ask the administrator of your account at the provider.
denied-detail = The provider says: { $words }

expired-heading = The code has expired
expired-text = This code was not used in time. Nothing was linked.
expired-advice = Ask the program for a new code and start again.

failed-heading = It did not work
failed-mismatch-text = You signed in with a different account than before. Nothing was changed. Sign in with the account that you used before. If { $provider } signs you in by itself, sign out there first, or use a private window.
failed-mismatch-advice = Ask the program for a new code and start again.
failed-not-confirmed-text = The program did not send the return code in time, or sent a wrong one. Nothing was linked.
failed-not-confirmed-advice = If you started the program yourself, start again. Type the return code only into that program.
failed-answer-lost-text = The provider's answer was lost on the way. Nothing was linked.
failed-answer-lost-advice = Ask the program for a new code and start again.
failed-provider-text = The provider rejected the request. Nothing was linked.
failed-provider-advice = Trying again will probably not help. Tell <a>the operator of this service</a>; its log has the cause.
failed-service-text = Something failed in this service. Nothing was linked.
failed-service-advice = Tell <a>the operator of this service</a>; its log has the cause.

used-heading = This code no longer works
used-expired = It has expired. Nothing was linked.
used-cancelled = It was cancelled. Nothing was linked.
used-denied = The provider did not give access. Nothing was linked.
used-once = It has already been used. A code works only once.
used-elsewhere = It was finished in another browser. A code works only once.
used-advice = Ask the program for a new code and start again.

in-use-heading = This code is in use
in-use-text = It was confirmed in another browser. Only that browser can use it now.
in-use-advice = If that was you, go on there. If it was not, ask the program for a new code, and do not show that one to anybody.

foreign-heading = This sign-in cannot be used
foreign-text = It was started in another browser, was already used, or took too long. It linked nothing.
foreign-advice = Go back to the page where you entered the code, or ask the program for a new code.

posted-heading = The provider's answer cannot be used
posted-text = The provider sent it as a form. This service reads it only from the address of this page. Nothing was linked.
posted-advice = Tell <a>the operator of this service</a>: the provider must use response_mode=query.

prefetch-heading = Load this page to continue
prefetch-text = Your browser loaded it in advance. Nothing has happened yet.
prefetch-advice = Load this page again.

too-many-heading = Too many wrong codes
too-many-text = To stop people from guessing codes, this page accepts no codes from your network for a while.
too-many-advice = Wait { $wait }, then try again. You may need a new code by then.

crowded-heading = Too many people are linking accounts
crowded-text = Others, perhaps on your network, have not finished yet. Your code stays valid.
crowded-advice = Wait { $wait }, then enter your code again.

relink-gone-heading = This link does not work
relink-gone-advice = Ask the person who sent you the link for a new one.
relink-unknown = It is incomplete, or somebody has changed it. Nothing has happened.
relink-expired = It was valid for seven days, and has expired. Nothing has happened.
relink-impossible = The account can no longer be linked again with a link. Nothing has happened.

relink-done-heading = Already done
relink-done-text = This account was linked again or removed since the link was made. The link did nothing this time.
relink-done-advice = You can close this tab.

relink-crowded-heading = Too many people are linking accounts
relink-crowded-text = Others, perhaps on your network, have not finished yet. The link stays valid.
relink-crowded-advice = Wait { $wait }, then open the link again.

unavailable-provider-heading = The provider does not respond
unavailable-service-heading = The service is not available
unavailable-text = Something that this page needs does not respond at the moment. Your code stays valid.
unavailable-advice = Wait a moment, then load this page again.

not-configured-heading = This provider is no longer available
not-configured-text = The operator has removed the provider of this code from this service.
not-configured-advice = Tell <a>the operator of this service</a>, or ask the program for a new code.

broken-heading = Something went wrong
broken-text = This is an error of the service, not your fault.
broken-advice = Tell <a>the operator of this service</a>; its log has the cause.

no-form-heading = The form could not be read
no-form-type = The form must be sent as application/x-www-form-urlencoded, in UTF-8.
no-form-too-large = The form is too large.
no-form-incomplete = The form is incomplete.
no-form-action = The action must be look_up, confirm, cancel or disown.
no-form-advice = Open this page in a browser and enter the code there.
