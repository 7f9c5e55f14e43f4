# Français.

## On every page

base-footer = N’entrez qu’un code que vous avez demandé vous-même ou que l’opérateur de ce service vous a envoyé. Personne d’autre n’a de raison de vous en envoyer un.
steps-label = Étapes
steps-code = Code
steps-check = Vérification
steps-sign-in = Connexion
steps-done = (terminé)
new-tab = (s’ouvre dans un nouvel onglet)
cancel-button = Annuler
copy-button = Copier
copy-copied = Copié
copy-selected = Sélectionné
consent-name = Chez { $provider }, cela apparaît sous le nom <bdi class="given">{ $name }</bdi>.
operator-name = Ce service est géré par <bdi class="given">{ $name }</bdi>.
operator-contact = <a>Contacter l’opérateur</a>

## Times

time-left = Encore <span class="time">{ $time }</span>
span-second = { $number ->
    [one] { $number } seconde
   *[other] { $number } secondes
}
span-minute = { $number ->
    [one] { $number } minute
   *[other] { $number } minutes
}
span-hour = { $number ->
    [one] { $number } heure
   *[other] { $number } heures
}
span-day = { $number ->
    [one] { $number } jour
   *[other] { $number } jours
}
ago-now = à l’instant
ago-second = { $number ->
    [one] il y a { $number } seconde
   *[other] il y a { $number } secondes
}
ago-minute = { $number ->
    [one] il y a { $number } minute
   *[other] il y a { $number } minutes
}
ago-hour = { $number ->
    [one] il y a { $number } heure
   *[other] il y a { $number } heures
}
ago-day = { $number ->
    [one] il y a { $number } jour
   *[other] il y a { $number } jours
}
date = { $day } { $month ->
    [January] janvier
    [February] février
    [March] mars
    [April] avril
    [May] mai
    [June] juin
    [July] juillet
    [August] août
    [September] septembre
    [October] octobre
    [November] novembre
   *[December] décembre
} { $year } à { $time } UTC

## The form for a code

enter-title = Entrez votre code
enter-error-title = Erreur : entrez votre code
enter-intro = Un programme qui veut utiliser l’un de vos comptes vous a montré un code. Vous verrez qui fait la demande avant que quoi que ce soit ne commence.
enter-address = Cette page fonctionne à l’adresse <a href="{ $address }">{ $address }</a>.
enter-label = Code
enter-hint = De huit à douze chiffres. Les espaces et les tirets ne comptent pas.
enter-pattern = De huit à douze chiffres, par exemple 1234 5678
enter-button = Continuer
enter-empty = Entrez le code affiché par votre programme.
enter-malformed = Un code compte de huit à douze chiffres, par exemple 1234 5678.
enter-unknown = Aucun programme n’attend avec ce code. Vérifiez les chiffres. Un ancien code n’est plus valable : demandez-en un nouveau au programme.
notice-heading = Le formulaire n’a pas été accepté
notice-other-site = Il semble provenir d’un autre site web. Si vous l’avez envoyé vous-même, appuyez de nouveau sur « Continuer ».
notice-no-cookie = Cette page a besoin d’un cookie pour reconnaître votre navigateur. Autorisez les cookies pour ce site, puis appuyez de nouveau sur « Continuer ».

## The page at a relink URL

relink-title = Liez de nouveau votre compte
relink-intro = { $named ->
    [yes] L’opérateur de ce service vous demande de donner de nouveau votre accord chez <strong>{ $provider }</strong>, afin que <bdi class="given">« { $name } »</bdi> puisse y utiliser votre compte.
   *[no] L’opérateur de ce service vous demande de donner de nouveau votre accord chez <strong>{ $provider }</strong>, afin qu’un programme puisse y utiliser votre compte.
}
relink-same = Connectez-vous avec le même compte que la fois précédente. Tout autre compte est refusé, et rien ne change alors.
relink-valid = Ce lien est encore valable <span class="time">{ $time }</span>.
relink-footer = Ce lien ne donne accès à personne. Vous décidez chez { $provider } si le programme peut de nouveau utiliser votre compte.

## Who asks, and for what

confirm-title = Connaissez-vous ce programme ?
confirm-intro = Il veut utiliser votre compte chez <strong>{ $provider }</strong>.
confirm-relink = Il en a déjà utilisé un et a de nouveau besoin de votre accord : connectez-vous avec le même compte.
confirm-nothing-yet = Rien n’a encore commencé.
confirm-program = Programme
confirm-not-verified = non vérifié
confirm-chose-name = Il a choisi ce nom lui-même ; n’importe qui pourrait le faire.
confirm-no-name = Il n’a pas donné de nom
confirm-workload = Une tâche ou un service qui prouve son identité
confirm-verified = Vérifié
confirm-platform = La plateforme qui exécute ce programme l’a confirmé.
confirm-asked = Demandé
confirm-from = Depuis
confirm-unknown-address = Une adresse inconnue
confirm-near = Le même réseau que le vôtre.
confirm-far = Un autre réseau que le vôtre. C’est normal avec des données mobiles, un VPN ou un relais privé. Sinon, annulez si le programme tourne près de vous.
confirm-provider = Fournisseur
confirm-permissions = Autorisations
confirm-default-scopes = Ce que { $provider } accorde par défaut
confirm-warning = <strong>Ne continuez que si vous avez lancé cette demande vous-même.</strong> Si quelqu’un vous a envoyé le code, annulez : cette personne pourrait utiliser votre compte.
confirm-invited = <strong>Connectez-vous avec le compte qui était déjà lié.</strong> L’opérateur de ce service vous a envoyé ici. Avec tout autre compte, rien ne change.
confirm-busy = Demande à { $provider } en cours…
confirm-button = Continuer
confirm-footer = Vous allez ensuite vous connecter chez { $provider } et y prendre votre décision. Le programme pourra alors utiliser votre compte jusqu’à ce que vous ou l’opérateur retiriez l’autorisation. Il ne voit jamais votre mot de passe.

## The pages of a link in progress

live-footer = Laissez cette page ouverte : elle affichera d’elle-même le résultat.
waiting-title = { $provider } ne répond pas
waiting-heading = { $provider } n’a pas répondu
waiting-text = Vous avez confirmé votre code, mais { $provider } ne répond pas pour le moment. Rien n’a encore commencé et rien n’est perdu : votre code reste valable.
waiting-button = Réessayer
waiting-check = Vérifier maintenant
waiting-footer = Le code appartient désormais à ce navigateur. Personne d’autre ne peut l’utiliser.
prompt-title = Continuez chez { $provider }
prompt-again = La connexion à { $provider } n’a pas abouti. Veuillez réessayer.
prompt-decide = { $named ->
    [yes] Connectez-vous chez { $provider } et décidez si <bdi class="given">« { $name } »</bdi> peut utiliser votre compte.
   *[no] Connectez-vous chez { $provider } et décidez si le programme peut utiliser votre compte.
}
prompt-sent-back = Vous serez ensuite ramené ici.
prompt-come-back = Revenez ensuite sur cette page.
prompt-code-heading = Si { $provider } affiche ou demande un code
prompt-code-text = Ce doit être celui-ci :
prompt-by-hand = Vous pouvez aussi le saisir sur n’importe quel appareil, à cette adresse :
prompt-take-code = { $named ->
    [yes] { $provider } vous demandera ce code. Notez-le, connectez-vous là-bas et décidez si <bdi class="given">« { $name } »</bdi> peut utiliser votre compte.
   *[no] { $provider } vous demandera ce code. Notez-le, connectez-vous là-bas et décidez si le programme peut utiliser votre compte.
}
prompt-unsafe = { $provider } a donné une adresse que cette page n’ouvre pas. Signalez-le à <a>l’opérateur de ce service</a>.
prompt-state = En attente de votre décision chez { $provider }
prompt-continue = Continuer vers { $provider }
prompt-open = Ouvrir { $provider }
prompt-host = Mène à <span class="mono">{ $host }</span>
prompt-host-new-tab = Mène à <span class="mono">{ $host }</span>, dans un nouvel onglet
finishing-title = Presque terminé
finishing-text = { $provider } a répondu. Encore un instant.
finishing-state = Recherche du titulaire du compte
confirming-title = Saisissez ce code dans le programme
confirming-text = Retournez au programme que vous avez lancé et saisissez-y ce code de retour :
confirming-warning = <strong>Ne donnez ce code à personne.</strong> Si quelqu’un vous le demande par téléphone, par messagerie ou par e-mail, appuyez sur « Annuler » : cette personne veut utiliser votre compte.
confirming-state = En attente du programme
confirming-footer = Tant que le programme n’a pas envoyé le code, il n’a aucun accès. Après trois minutes, l’autorisation est rendue.

## Linked

linked-title = Compte lié
linked-text = { $named ->
    [yes] <bdi class="given">« { $name } »</bdi> peut maintenant utiliser ce compte.
   *[no] Le programme peut maintenant utiliser ce compte.
}
linked-account = Compte
linked-unidentified = { $provider } n’indique pas à qui il appartient
linked-closing = Vous pouvez fermer cet onglet et retourner au programme.
linked-disown = Ce n’était pas moi
linked-busy = Retrait en cours…
linked-footer = Ce n’est pas ce que vous vouliez ? Pendant 24 heures, « Ce n’était pas moi » met fin à l’accès du programme. Vous pouvez aussi retirer l’autorisation dans vos paramètres chez { $provider }, ou demander à <a>l’opérateur de ce service</a> de la supprimer.
linked-footer-again = Ce n’est pas ce que vous vouliez ? Vous pouvez retirer l’autorisation dans vos paramètres chez { $provider }, ou demander à <a>l’opérateur de ce service</a> de la supprimer.

## Ends and errors

ended-details = Détails
ended-again = Entrer un autre code
ended-invited-advice = Ouvrez de nouveau le lien, ou demandez un nouveau lien ou un nouveau code à la personne qui vous l’a envoyé.
request-id = Identifiant de la demande, pour l’opérateur : <code class="mono" translate="no">{ $id }</code>

cancelled-heading = Annulé
cancelled-text = Vous avez annulé. Le programme n’obtient aucun accès et en est informé.
cancelled-invited-text = Vous avez annulé. Rien n’a changé.
cancelled-advice = Vous pouvez fermer cet onglet.

disowned-heading = Accord retiré
disowned-account = Le programme ne peut plus utiliser votre compte, pas plus que les programmes que vous y avez liés par la suite. L’autorisation est rendue au fournisseur.
disowned-key = Le programme ne peut plus utiliser votre compte. Ce compte était déjà lié auparavant : vos autres programmes gardent donc leur accès.
disowned-advice = Un jeton que le programme a reçu avant peut encore fonctionner quelques minutes. Si quelqu’un vous a poussé à le faire, vérifiez votre compte chez le fournisseur et prévenez <a>l’opérateur de ce service</a>.

nothing-left-heading = Il ne reste rien à retirer
nothing-left-text = Soit vous avez déjà retiré votre accord, soit il date de plus de 24 heures, soit il a été donné dans un autre navigateur.
nothing-left-advice = Si un programme utilise encore votre compte, mettez fin à son accès dans vos paramètres chez le fournisseur, ou adressez-vous à <a>l’opérateur de ce service</a>.

denied-heading = Accès refusé
denied-text = Vous avez refusé chez { $provider }. Rien n’a été lié.
denied-advice = Si vous n’avez pas refusé vous-même, adressez-vous à l’administrateur de votre compte chez le fournisseur.
denied-detail = Le fournisseur indique : { $words }

expired-heading = Le code a expiré
expired-text = Ce code n’a pas été utilisé à temps. Rien n’a été lié.
expired-advice = Demandez un nouveau code au programme et recommencez.

failed-heading = Cela n’a pas fonctionné
failed-mismatch-text = Vous vous êtes connecté avec un autre compte que la fois précédente. Rien n’a été modifié. Connectez-vous avec le compte que vous aviez utilisé. Si { $provider } vous connecte automatiquement, déconnectez-vous-y d’abord ou utilisez une fenêtre privée.
failed-mismatch-advice = Demandez un nouveau code au programme et recommencez.
failed-not-confirmed-text = Le programme n’a pas envoyé le code de retour à temps, ou en a envoyé un faux. Rien n’a été lié.
failed-not-confirmed-advice = Si vous avez lancé le programme vous-même, recommencez. Ne saisissez le code de retour que dans ce programme.
failed-answer-lost-text = La réponse du fournisseur s’est perdue en route. Rien n’a été lié.
failed-answer-lost-advice = Demandez un nouveau code au programme et recommencez.
failed-provider-text = Le fournisseur a rejeté la demande. Rien n’a été lié.
failed-provider-advice = Réessayer ne servira sans doute à rien. Prévenez <a>l’opérateur de ce service</a> ; la cause figure dans son journal.
failed-service-text = Une erreur s’est produite dans ce service. Rien n’a été lié.
failed-service-advice = Prévenez <a>l’opérateur de ce service</a> ; la cause figure dans son journal.

used-heading = Ce code n’est plus valable
used-expired = Il a expiré. Rien n’a été lié.
used-cancelled = La demande a été annulée. Rien n’a été lié.
used-denied = Le fournisseur n’a pas accordé l’accès. Rien n’a été lié.
used-once = Il a déjà été utilisé. Un code ne sert qu’une fois.
used-elsewhere = La demande a été terminée dans un autre navigateur. Un code ne sert qu’une fois.
used-advice = Demandez un nouveau code au programme et recommencez.

in-use-heading = Ce code est en cours d’utilisation
in-use-text = Il a été confirmé dans un autre navigateur. Seul ce navigateur peut l’utiliser maintenant.
in-use-advice = Si c’était vous, continuez là-bas. Sinon, demandez un nouveau code au programme et ne le montrez à personne.

foreign-heading = Cette connexion ne peut pas être utilisée
foreign-text = Elle a été commencée dans un autre navigateur, a déjà servi ou a pris trop de temps. Elle n’a rien lié.
foreign-advice = Retournez à la page où vous avez entré le code, ou demandez un nouveau code au programme.

posted-heading = La réponse du fournisseur ne peut pas être utilisée
posted-text = Le fournisseur l’a envoyée sous forme de formulaire. Ce service ne la lit que dans l’adresse de cette page. Rien n’a été lié.
posted-advice = Prévenez <a>l’opérateur de ce service</a> : le fournisseur doit utiliser response_mode=query.

prefetch-heading = Chargez cette page pour continuer
prefetch-text = Votre navigateur l’a chargée à l’avance. Il ne s’est encore rien passé.
prefetch-advice = Chargez de nouveau cette page.

too-many-heading = Trop de codes erronés
too-many-text = Pour empêcher que l’on devine des codes, cette page n’accepte plus de codes de votre réseau pendant un certain temps.
too-many-advice = Attendez { $wait }, puis réessayez. Il vous faudra peut-être alors un nouveau code.

crowded-heading = Trop de personnes lient des comptes en ce moment
crowded-text = D’autres personnes, peut-être sur votre réseau, n’ont pas encore terminé. Votre code reste valable.
crowded-advice = Attendez { $wait }, puis entrez de nouveau votre code.

relink-gone-heading = Ce lien ne fonctionne pas
relink-gone-advice = Demandez un nouveau lien à la personne qui vous l’a envoyé.
relink-unknown = Il est incomplet, ou quelqu’un l’a modifié. Rien ne s’est passé.
relink-expired = Il était valable sept jours et a expiré. Rien ne s’est passé.
relink-impossible = Ce compte ne peut plus être lié de nouveau par un lien. Rien ne s’est passé.

relink-done-heading = Déjà fait
relink-done-text = Ce compte a été lié de nouveau ou supprimé depuis la création du lien. Cette fois, le lien n’a rien fait.
relink-done-advice = Vous pouvez fermer cet onglet.

relink-crowded-heading = Trop de personnes lient des comptes en ce moment
relink-crowded-text = D’autres personnes, peut-être sur votre réseau, n’ont pas encore terminé. Le lien reste valable.
relink-crowded-advice = Attendez { $wait }, puis ouvrez de nouveau le lien.

unavailable-provider-heading = Le fournisseur ne répond pas
unavailable-service-heading = Le service n’est pas disponible
unavailable-text = Un élément dont cette page a besoin ne répond pas pour le moment. Votre code reste valable.
unavailable-advice = Attendez un instant, puis chargez de nouveau cette page.

not-configured-heading = Ce fournisseur n’est plus disponible
not-configured-text = L’opérateur a retiré de ce service le fournisseur de ce code.
not-configured-advice = Prévenez <a>l’opérateur de ce service</a>, ou demandez un nouveau code au programme.

broken-heading = Une erreur s’est produite
broken-text = C’est une erreur du service ; vous n’y êtes pour rien.
broken-advice = Prévenez <a>l’opérateur de ce service</a> ; la cause figure dans son journal.

no-form-heading = Le formulaire n’a pas pu être lu
no-form-type = Le formulaire doit être envoyé au format application/x-www-form-urlencoded, en UTF-8.
no-form-too-large = Le formulaire est trop volumineux.
no-form-incomplete = Le formulaire est incomplet.
no-form-action = L’action doit être look_up, confirm, cancel ou disown.
no-form-advice = Ouvrez cette page dans un navigateur et entrez-y le code.
