# Deutsch.

## On every page

base-footer = Geben Sie nur einen Code ein, den Sie selbst angefordert haben oder den Ihnen der Betreiber dieses Dienstes geschickt hat. Sonst hat niemand einen Grund, Ihnen einen zu schicken.
steps-label = Schritte
steps-code = Code
steps-check = Prüfen
steps-sign-in = Anmelden
steps-done = (erledigt)
new-tab = (öffnet einen neuen Tab)
cancel-button = Abbrechen
copy-button = Kopieren
copy-copied = Kopiert
copy-selected = Markiert
consent-name = Bei { $provider } erscheint dies als <bdi class="given">{ $name }</bdi>.
operator-name = <bdi class="given">{ $name }</bdi> betreibt diesen Dienst.
operator-contact = <a>Betreiber kontaktieren</a>

## Times

time-left = Noch <span class="time">{ $time }</span>
span-second = { $number ->
    [one] { $number } Sekunde
   *[other] { $number } Sekunden
}
span-minute = { $number ->
    [one] { $number } Minute
   *[other] { $number } Minuten
}
span-hour = { $number ->
    [one] { $number } Stunde
   *[other] { $number } Stunden
}
span-day = { $number ->
    [one] { $number } Tag
   *[other] { $number } Tage
}
ago-now = gerade eben
ago-second = { $number ->
    [one] vor { $number } Sekunde
   *[other] vor { $number } Sekunden
}
ago-minute = { $number ->
    [one] vor { $number } Minute
   *[other] vor { $number } Minuten
}
ago-hour = { $number ->
    [one] vor { $number } Stunde
   *[other] vor { $number } Stunden
}
ago-day = { $number ->
    [one] vor { $number } Tag
   *[other] vor { $number } Tagen
}
date = { $day }. { $month ->
    [January] Januar
    [February] Februar
    [March] März
    [April] April
    [May] Mai
    [June] Juni
    [July] Juli
    [August] August
    [September] September
    [October] Oktober
    [November] November
   *[December] Dezember
} { $year }, { $time } Uhr UTC

## The form for a code

enter-title = Code eingeben
enter-error-title = Fehler: Code eingeben
enter-intro = Ein Programm, das eines Ihrer Konten nutzen möchte, hat Ihnen einen Code gezeigt. Sie sehen, wer anfragt, bevor etwas geschieht.
enter-address = Diese Seite funktioniert unter <a href="{ $address }">{ $address }</a>.
enter-label = Code
enter-hint = Acht bis zwölf Ziffern. Leerzeichen und Bindestriche spielen keine Rolle.
enter-pattern = Acht bis zwölf Ziffern, zum Beispiel 1234 5678
enter-button = Weiter
enter-empty = Geben Sie den Code ein, den Ihr Programm anzeigt.
enter-malformed = Ein Code hat acht bis zwölf Ziffern, zum Beispiel 1234 5678.
enter-unknown = Kein Programm wartet mit diesem Code. Prüfen Sie die Ziffern. Ein alter Code gilt nicht mehr: Fordern Sie im Programm einen neuen an.
notice-heading = Das Formular wurde nicht angenommen
notice-other-site = Es scheint von einer anderen Website zu kommen. Wenn Sie es selbst abgeschickt haben, drücken Sie noch einmal „Weiter“.
notice-no-cookie = Diese Seite braucht ein Cookie, um Ihren Browser wiederzuerkennen. Erlauben Sie Cookies für diese Website und drücken Sie dann noch einmal „Weiter“.

## The page at a relink URL

relink-title = Verbinden Sie Ihr Konto erneut
relink-intro = { $named ->
    [yes] Der Betreiber dieses Dienstes bittet Sie, bei <strong>{ $provider }</strong> erneut zuzustimmen, damit <bdi class="given">„{ $name }“</bdi> Ihr Konto dort nutzen kann.
   *[no] Der Betreiber dieses Dienstes bittet Sie, bei <strong>{ $provider }</strong> erneut zuzustimmen, damit ein Programm Ihr Konto dort nutzen kann.
}
relink-same = Melden Sie sich mit demselben Konto an wie zuvor. Jedes andere Konto wird abgelehnt, und dann ändert sich nichts.
relink-valid = Dieser Link gilt noch <span class="time">{ $time }</span>.
relink-footer = Dieser Link gibt niemandem Zugriff. Sie entscheiden bei { $provider }, ob das Programm Ihr Konto wieder nutzen darf.

## Who asks, and for what

confirm-title = Kennen Sie dieses Programm?
confirm-intro = Es möchte Ihr Konto bei <strong>{ $provider }</strong> nutzen.
confirm-relink = Es hat schon einmal eines genutzt und braucht Ihre Zustimmung erneut: Melden Sie sich mit demselben Konto an.
confirm-nothing-yet = Noch ist nichts geschehen.
confirm-program = Programm
confirm-not-verified = nicht geprüft
confirm-chose-name = Es hat diesen Namen selbst gewählt; jeder könnte das.
confirm-no-name = Es hat keinen Namen genannt
confirm-workload = Ein Job oder Dienst, der sich ausgewiesen hat
confirm-verified = Geprüft
confirm-platform = Die Plattform, auf der dieses Programm läuft, hat dies bestätigt.
confirm-asked = Angefragt
confirm-from = Von
confirm-unknown-address = Einer unbekannten Adresse
confirm-near = Dasselbe Netz wie Ihres.
confirm-far = Ein anderes Netz als Ihres. Das ist normal mit mobilen Daten, einem VPN oder einem Private Relay. Brechen Sie sonst ab, wenn das Programm bei Ihnen vor Ort läuft.
confirm-provider = Anbieter
confirm-permissions = Berechtigungen
confirm-default-scopes = Was { $provider } ohne weitere Angaben gewährt
confirm-warning = <strong>Fahren Sie nur fort, wenn Sie dies selbst begonnen haben.</strong> Wenn Ihnen jemand den Code geschickt hat, brechen Sie ab: Diese Person könnte Ihr Konto nutzen.
confirm-invited = <strong>Melden Sie sich mit dem Konto an, das zuvor verbunden war.</strong> Der Betreiber dieses Dienstes hat Sie hierher geschickt. Mit jedem anderen Konto ändert sich nichts.
confirm-busy = Anfrage an { $provider } …
confirm-button = Weiter
confirm-footer = Als Nächstes melden Sie sich bei { $provider } an und entscheiden dort. Danach darf das Programm Ihr Konto nutzen, bis Sie oder der Betreiber die Erlaubnis zurücknehmen. Ihr Passwort sieht es nie.

## The pages of a link in progress

live-footer = Lassen Sie diese Seite offen: Sie zeigt von selbst, wie es ausgegangen ist.
waiting-title = { $provider } antwortet nicht
waiting-heading = { $provider } hat nicht geantwortet
waiting-text = Sie haben Ihren Code bestätigt, aber { $provider } antwortet im Moment nicht. Noch ist nichts geschehen, und nichts ist verloren: Ihr Code bleibt gültig.
waiting-button = Noch einmal versuchen
waiting-check = Jetzt nachsehen
waiting-footer = Der Code gehört jetzt zu diesem Browser. Niemand sonst kann ihn verwenden.
prompt-title = Weiter bei { $provider }
prompt-again = Die Anmeldung bei { $provider } wurde nicht abgeschlossen. Bitte versuchen Sie es noch einmal.
prompt-decide = { $named ->
    [yes] Melden Sie sich bei { $provider } an und entscheiden Sie, ob <bdi class="given">„{ $name }“</bdi> Ihr Konto nutzen darf.
   *[no] Melden Sie sich bei { $provider } an und entscheiden Sie, ob das Programm Ihr Konto nutzen darf.
}
prompt-sent-back = Danach werden Sie hierher zurückgeleitet.
prompt-come-back = Kommen Sie danach auf diese Seite zurück.
prompt-code-heading = Wenn { $provider } einen Code zeigt oder verlangt
prompt-code-text = Es muss dieser sein:
prompt-by-hand = Sie können ihn auch auf jedem anderen Gerät eingeben, und zwar unter dieser Adresse:
prompt-take-code = { $named ->
    [yes] { $provider } wird nach diesem Code fragen. Merken Sie ihn sich, melden Sie sich dort an und entscheiden Sie, ob <bdi class="given">„{ $name }“</bdi> Ihr Konto nutzen darf.
   *[no] { $provider } wird nach diesem Code fragen. Merken Sie ihn sich, melden Sie sich dort an und entscheiden Sie, ob das Programm Ihr Konto nutzen darf.
}
prompt-unsafe = { $provider } hat eine Adresse angegeben, die diese Seite nicht öffnet. Sagen Sie es <a>dem Betreiber dieses Dienstes</a>.
prompt-state = Warten auf Sie bei { $provider }
prompt-continue = Weiter zu { $provider }
prompt-open = { $provider } öffnen
prompt-host = Führt zu <span class="mono">{ $host }</span>
prompt-host-new-tab = Führt zu <span class="mono">{ $host }</span>, in einem neuen Tab
finishing-title = Fast fertig
finishing-text = { $provider } hat geantwortet. Es dauert noch einen Moment.
finishing-state = Es wird ermittelt, wessen Konto es ist
confirming-title = Geben Sie diesen Code im Programm ein
confirming-text = Gehen Sie zurück zu dem Programm, das Sie gestartet haben, und geben Sie dort diesen Rückgabecode ein:
confirming-warning = <strong>Geben Sie diesen Code niemandem.</strong> Wenn jemand Sie am Telefon, im Chat oder per E-Mail danach fragt, drücken Sie „Abbrechen“: Diese Person will Ihr Konto nutzen.
confirming-state = Warten auf das Programm
confirming-footer = Bis das Programm den Code sendet, bekommt es keinen Zugriff. Nach drei Minuten wird die Erlaubnis zurückgegeben.

## Linked

linked-title = Verbunden
linked-text = { $named ->
    [yes] <bdi class="given">„{ $name }“</bdi> kann dieses Konto jetzt nutzen.
   *[no] Das Programm kann dieses Konto jetzt nutzen.
}
linked-account = Konto
linked-unidentified = { $provider } sagt nicht, wem es gehört
linked-closing = Sie können diesen Tab schließen und zum Programm zurückkehren.
linked-disown = Das war ich nicht
linked-busy = Wird zurückgenommen …
linked-footer = Nicht das, was Sie wollten? 24 Stunden lang beendet „Das war ich nicht“ den Zugriff des Programms. Sie können die Erlaubnis auch in Ihren Einstellungen bei { $provider } zurücknehmen oder <a>den Betreiber dieses Dienstes</a> bitten, sie zu entfernen.
linked-footer-again = Nicht das, was Sie wollten? Sie können die Erlaubnis in Ihren Einstellungen bei { $provider } zurücknehmen oder <a>den Betreiber dieses Dienstes</a> bitten, sie zu entfernen.

## Ends and errors

ended-details = Einzelheiten
ended-again = Anderen Code eingeben
ended-invited-advice = Öffnen Sie den Link noch einmal, oder bitten Sie die Person, die Ihnen den Link oder den Code geschickt hat, um einen neuen.
request-id = Anfragenummer für den Betreiber: <code class="mono" translate="no">{ $id }</code>

cancelled-heading = Abgebrochen
cancelled-text = Sie haben abgebrochen. Das Programm bekommt keinen Zugriff und weiß das.
cancelled-invited-text = Sie haben abgebrochen. Es hat sich nichts geändert.
cancelled-advice = Sie können diesen Tab schließen.

disowned-heading = Zurückgenommen
disowned-account = Das Programm kann Ihr Konto nicht mehr nutzen, ebenso wenig die Programme, die Sie später damit verbunden haben. Die Erlaubnis wird dem Anbieter zurückgegeben.
disowned-key = Das Programm kann Ihr Konto nicht mehr nutzen. Das Konto war schon vorher verbunden, deshalb behalten Ihre anderen Programme den Zugriff.
disowned-advice = Ein Token, das das Programm vorher bekommen hat, gilt vielleicht noch einige Minuten. Wenn jemand Sie hierzu überredet hat, sehen Sie Ihr Konto beim Anbieter durch und sagen Sie es <a>dem Betreiber dieses Dienstes</a>.

nothing-left-heading = Es gibt nichts mehr zurückzunehmen
nothing-left-text = Entweder haben Sie die Zustimmung schon zurückgenommen, oder sie ist älter als 24 Stunden, oder sie wurde in einem anderen Browser gegeben.
nothing-left-advice = Wenn ein Programm Ihr Konto immer noch nutzt, beenden Sie den Zugriff in Ihren Einstellungen beim Anbieter, oder fragen Sie <a>den Betreiber dieses Dienstes</a>.

denied-heading = Zugriff abgelehnt
denied-text = Sie haben bei { $provider } abgelehnt. Nichts wurde verbunden.
denied-advice = Wenn Sie nicht selbst abgelehnt haben, fragen Sie den Administrator Ihres Kontos beim Anbieter.
denied-detail = Der Anbieter sagt: { $words }

expired-heading = Der Code ist abgelaufen
expired-text = Dieser Code wurde nicht rechtzeitig verwendet. Nichts wurde verbunden.
expired-advice = Fordern Sie im Programm einen neuen Code an und beginnen Sie von vorn.

failed-heading = Es hat nicht geklappt
failed-mismatch-text = Sie haben sich mit einem anderen Konto angemeldet als zuvor. Nichts wurde geändert. Melden Sie sich mit dem Konto an, das Sie zuvor verwendet haben. Wenn { $provider } Sie von selbst anmeldet, melden Sie sich dort zuerst ab, oder verwenden Sie ein privates Fenster.
failed-mismatch-advice = Fordern Sie im Programm einen neuen Code an und beginnen Sie von vorn.
failed-not-confirmed-text = Das Programm hat den Rückgabecode nicht rechtzeitig oder falsch gesendet. Nichts wurde verbunden.
failed-not-confirmed-advice = Wenn Sie das Programm selbst gestartet haben, beginnen Sie von vorn. Geben Sie den Rückgabecode nur in diesem Programm ein.
failed-answer-lost-text = Die Antwort des Anbieters ging unterwegs verloren. Nichts wurde verbunden.
failed-answer-lost-advice = Fordern Sie im Programm einen neuen Code an und beginnen Sie von vorn.
failed-provider-text = Der Anbieter hat die Anfrage zurückgewiesen. Nichts wurde verbunden.
failed-provider-advice = Ein neuer Versuch hilft wahrscheinlich nicht. Sagen Sie es <a>dem Betreiber dieses Dienstes</a>; die Ursache steht in dessen Protokoll.
failed-service-text = In diesem Dienst ist ein Fehler aufgetreten. Nichts wurde verbunden.
failed-service-advice = Sagen Sie es <a>dem Betreiber dieses Dienstes</a>; die Ursache steht in dessen Protokoll.

used-heading = Dieser Code gilt nicht mehr
used-expired = Er ist abgelaufen. Nichts wurde verbunden.
used-cancelled = Der Vorgang wurde abgebrochen. Nichts wurde verbunden.
used-denied = Der Anbieter hat keinen Zugriff gewährt. Nichts wurde verbunden.
used-once = Er wurde schon verwendet. Ein Code gilt nur einmal.
used-elsewhere = Der Vorgang wurde in einem anderen Browser abgeschlossen. Ein Code gilt nur einmal.
used-advice = Fordern Sie im Programm einen neuen Code an und beginnen Sie von vorn.

in-use-heading = Dieser Code wird gerade verwendet
in-use-text = Er wurde in einem anderen Browser bestätigt. Nur dieser Browser kann ihn jetzt verwenden.
in-use-advice = Wenn Sie das waren, machen Sie dort weiter. Wenn nicht, fordern Sie im Programm einen neuen Code an, und zeigen Sie diesen niemandem.

foreign-heading = Diese Anmeldung kann nicht verwendet werden
foreign-text = Sie wurde in einem anderen Browser begonnen, schon verwendet oder hat zu lange gedauert. Sie hat nichts verbunden.
foreign-advice = Gehen Sie zurück zu der Seite, auf der Sie den Code eingegeben haben, oder fordern Sie im Programm einen neuen Code an.

posted-heading = Die Antwort des Anbieters kann nicht verwendet werden
posted-text = Der Anbieter hat sie als Formular geschickt. Dieser Dienst liest sie nur aus der Adresse dieser Seite. Es wurde nichts verbunden.
posted-advice = Sagen Sie es <a>dem Betreiber dieses Dienstes</a>: Der Anbieter muss response_mode=query verwenden.

prefetch-heading = Laden Sie diese Seite, um fortzufahren
prefetch-text = Ihr Browser hat sie vorab geladen. Noch ist nichts geschehen.
prefetch-advice = Laden Sie diese Seite noch einmal.

too-many-heading = Zu viele falsche Codes
too-many-text = Damit niemand Codes erraten kann, nimmt diese Seite aus Ihrem Netz eine Zeit lang keine Codes an.
too-many-advice = Warten Sie { $wait } und versuchen Sie es dann noch einmal. Vielleicht brauchen Sie dann einen neuen Code.

crowded-heading = Zu viele Personen verbinden gerade Konten
crowded-text = Andere, vielleicht in Ihrem Netz, sind noch nicht fertig. Ihr Code bleibt gültig.
crowded-advice = Warten Sie { $wait } und geben Sie Ihren Code dann noch einmal ein.

relink-gone-heading = Dieser Link funktioniert nicht
relink-gone-advice = Bitten Sie die Person, die Ihnen den Link geschickt hat, um einen neuen.
relink-unknown = Er ist unvollständig, oder jemand hat ihn verändert. Es ist nichts geschehen.
relink-expired = Er galt sieben Tage und ist abgelaufen. Es ist nichts geschehen.
relink-impossible = Das Konto kann nicht mehr über einen Link erneut verbunden werden. Es ist nichts geschehen.

relink-done-heading = Schon erledigt
relink-done-text = Dieses Konto wurde erneut verbunden oder entfernt, seit der Link erstellt wurde. Diesmal hat der Link nichts bewirkt.
relink-done-advice = Sie können diesen Tab schließen.

relink-crowded-heading = Zu viele Personen verbinden gerade Konten
relink-crowded-text = Andere, vielleicht in Ihrem Netz, sind noch nicht fertig. Der Link bleibt gültig.
relink-crowded-advice = Warten Sie { $wait } und öffnen Sie den Link dann noch einmal.

unavailable-provider-heading = Der Anbieter antwortet nicht
unavailable-service-heading = Der Dienst ist nicht verfügbar
unavailable-text = Etwas, das diese Seite braucht, antwortet im Moment nicht. Ihr Code bleibt gültig.
unavailable-advice = Warten Sie einen Moment und laden Sie diese Seite dann noch einmal.

not-configured-heading = Dieser Anbieter ist nicht mehr verfügbar
not-configured-text = Der Betreiber hat den Anbieter dieses Codes aus diesem Dienst entfernt.
not-configured-advice = Sagen Sie es <a>dem Betreiber dieses Dienstes</a>, oder fordern Sie im Programm einen neuen Code an.

broken-heading = Etwas ist schiefgegangen
broken-text = Das ist ein Fehler des Dienstes und nicht Ihre Schuld.
broken-advice = Sagen Sie es <a>dem Betreiber dieses Dienstes</a>; die Ursache steht in dessen Protokoll.

no-form-heading = Das Formular konnte nicht gelesen werden
no-form-type = Das Formular muss als application/x-www-form-urlencoded in UTF-8 gesendet werden.
no-form-too-large = Das Formular ist zu groß.
no-form-incomplete = Das Formular ist unvollständig.
no-form-action = Die Aktion muss look_up, confirm, cancel oder disown sein.
no-form-advice = Öffnen Sie diese Seite in einem Browser und geben Sie den Code dort ein.
