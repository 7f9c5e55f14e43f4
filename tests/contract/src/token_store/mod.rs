//! The contract of a store.

mod accounts;
mod admin_sessions;
mod announced_ends;
mod audit;
mod callbacks;
mod clock_steps;
mod completing;
mod confirming;
mod consenting;
mod creating;
mod deleting;
mod ending;
mod grant_ends;
mod guesses;
mod hash_key;
mod key_macs;
mod keys;
mod labels;
mod outages;
mod polling;
mod purging;
mod reads;
mod redeeming;
mod refresh_answers;
mod refresh_claims;
mod refresh_results;
mod relinking;
mod replicas;
mod reserving;
mod revocations;
mod samples;
mod seals;
mod webhooks;
mod workloads;
mod write_tests;

use std::pin::Pin;
use std::sync::Arc;

use central_oauth_domain::ports::TokenStore;

/// An empty store under test.
pub trait Fixture: Send + Sync {
    /// Returns the store.
    fn store(&self) -> Arc<dyn TokenStore>;
}

/// Boxes a future. It is created in here, because unoptimised code would keep the futures of all cases on the stack of
/// [`run`], and test threads have a small one.
#[inline(never)]
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

/// Runs one case after the other, each on a fixture of its own.
macro_rules! run_each {
    ($make:ident: $($module:ident::{$($case:ident),+ $(,)?}),+ $(,)?) => {$($({
        eprintln!("case {}::{}", stringify!($module), stringify!($case));
        let fixture = boxed(|| $make()).await;
        boxed(|| $module::$case(&fixture)).await;
    })+)+};
}

/// Runs the suite; `make` creates an empty store for each case. Some cases use many tasks: run it on a runtime with
/// several threads.
///
/// # Panics
/// When the store violates the contract.
pub async fn run<M, Making, F>(make: M)
where
    M: Fn() -> Making,
    Making: Future<Output = F>,
    F: Fixture,
{
    run_each! { make:
        hash_key::{
            answers, the_first_candidate_is_kept, one_of_many_candidates_is_kept, a_store_with_rows_gets_no_new_one,
            a_store_with_rows_keeps_its_own, it_is_replaced_if_it_is_still_the_one_that_was_read,
        },
        key_macs::{
            every_key_has_one, only_the_own_hash_key_makes_them, a_link_opens_nothing_to_another_key,
            keys_that_have_one_get_no_other,
        },
        creating::{
            a_new_link_is_pending, a_taken_code_leaves_nothing, a_taken_key_is_a_conflict,
            an_ended_link_holds_its_code, only_open_links_count, many_at_once_stay_below_the_limit,
            many_at_once_share_no_code, a_network_gets_so_many_codes,
            codes_of_a_clock_that_was_ahead_lock_no_network_out,
            a_network_gets_fewer_codes_in_a_crowd,
        },
        guesses::{
            wrong_ones_are_counted_by_network, wrong_ones_are_counted_for_all, right_ones_use_nothing_up,
            a_network_s_latest_ones_decide, what_is_dated_far_ahead_keeps_nobody_away,
            many_at_once_stay_below_the_limit, those_that_count_are_counted, old_ones_are_forgotten,
        },
        reserving::{
            one_browser_has_it, it_is_there_to_be_had, of_two_browsers_one_gets_it,
            a_network_has_so_many_consents_under_way,
        },
        confirming::{
            holds_the_tokens_and_their_owner, only_tokens_of_a_link_with_a_return_code_are_held, is_completed_in_time,
            the_person_s_tokens_are_held_until_the_deadline, wrong_codes_at_once_are_all_counted,
        },
        consenting::{
            keeps_what_the_person_is_told, starts_once, starts_in_time_only, starts_from_the_present_version_alone,
        },
        polling::{
            nothing_is_due_at_first, links_at_busy_providers_wait, the_longest_due_comes_first, a_lease_keeps_others_away,
            a_lapsed_lease_records_nothing, postponing_ends_the_lease,
            a_flow_without_questions_is_never_due, expired_links_are_asked_about_too,
            nobody_gets_the_same_link_twice, networks_take_turns,
        },
        callbacks::{
            one_is_kept_and_plans_the_question, the_question_waits_for_the_lease, putting_off_the_question_keeps_it,
            only_the_first_is_kept, of_many_at_once_one_is_kept, only_at_the_present_version, only_while_authorizing,
            redeemed_links_hold_none, ended_links_hold_none,
            the_hash_of_the_answer_outlives_the_answer,
        },
        redeeming::{
            keeps_the_tokens_and_the_lease, a_later_deadline_stands, only_once_and_only_authorizing,
            the_next_question_waits_for_schedule_and_lease, a_refresh_replaces_the_tokens,
        },
        completing::{
            opens_the_account_to_the_key, needs_a_consent, a_stale_version_leaves_nothing,
            the_same_person_has_one_account, an_older_consent_replaces_no_tokens,
            another_provider_is_another_account,
            a_missing_refresh_token_keeps_the_old_one, a_refresh_token_stays_with_its_origin,
            a_dead_refresh_token_is_not_kept, linking_heals, many_links_of_one_person_at_once,
        },
        labels::{
            a_link_keeps_those_that_it_was_asked_for_with, the_account_gets_them_and_keeps_them,
            they_go_with_the_account, lists_hold_what_the_filter_admits,
        },
        relinking::{
            an_account_of_another_server_is_only_relinked, other_keys_keep_working, another_person_is_refused, the_key_must_open_the_account,
            failing_takes_nothing_away, open_ones_can_be_looked_up,
        },
        ending::{
            every_ending_is_remembered, nothing_follows_the_end, nothing_is_asked_afterwards,
            tokens_that_it_held_are_to_be_revoked,
        },
        refresh_claims::{
            linking_plans_the_first_one, without_a_refresh_token_nothing_is_due, the_longest_due_comes_first,
            what_is_due_can_be_left_for_a_while,
            busy_providers_are_left_alone, a_lease_keeps_others_away, a_lapsed_lease_is_ambiguous,
            one_account_can_be_claimed_at_any_time, a_refused_one_hides_nothing_that_is_due, only_by_who_saw_the_present_lease, a_lease_can_be_given_back,
            nobody_gets_the_same_account_twice, of_many_claims_of_one_account_one_succeeds,
        },
        outages::{
            a_provider_has_one_at_a_time, of_two_changes_the_first_counts,
            no_change_of_an_earlier_outage_counts_for_a_later_one, one_account_is_probed_after_another,
            the_fewest_failures_come_next, who_has_not_failed_is_known_and_need_not_wait, nobody_who_asks_takes_the_turn_of_another,
            only_accounts_of_that_provider_are_probed, of_many_replicas_one_gets_the_probe,
        },
        clock_steps::{
            a_pause_is_over, a_pause_is_cut_after_a_small_step, a_lease_is_over_and_counts_as_lapsed,
            one_account_is_claimed_over_such_a_lease,
            a_plan_for_tokens_of_the_future_is_due,
            a_failed_account_with_tokens_of_the_future_keeps_its_pause,
            a_probe_is_not_awaited_longer_than_any_rule_allows, what_is_planned_by_the_rules_stays, polls_are_due_again,
            the_next_poll_is_one_interval_ahead, revocations_are_due_again,
            links_that_would_never_expire_have_expired,
        },
        refresh_results::{
            a_success_replaces_the_tokens, the_old_refresh_token_may_stay, a_success_counts_without_the_lease,
            a_late_success_leaves_the_lease_of_another, the_second_result_ends_only_its_own_lease,
            a_success_heals, how_long_the_refresh_token_lasts_goes_with_it, a_late_success_is_dropped, of_two_answers_the_later_one_stands,
            a_consent_without_a_refresh_token_makes_no_answer_older, no_answer_is_later_than_a_new_consent,
            what_came_from_elsewhere_is_not_kept, a_late_success_replaces_a_dead_token,
            recording_twice_changes_nothing, a_failure_is_kept_and_ends_the_lease, a_late_failure_is_dropped,
            a_failure_without_the_lease_is_dropped,
            nothing_comes_of_an_account_that_is_gone, of_many_successes_one_is_stored,
            doubts_are_kept_where_a_refresh_is_planned,
        },
        refresh_answers::{
            an_unusable_access_token_leaves_the_stored_one, an_unusable_answer_is_recorded_once,
            a_late_unusable_answer_is_dropped, an_earlier_answer_does_not_replace_an_unusable_one,
            a_later_answer_replaces_an_unusable_one, an_unusable_answer_brings_a_dead_grant_back,
            extra_goes_with_its_access_token, an_issuer_may_move_its_token_endpoint,
            tokens_of_another_issuer_are_not_kept, what_is_known_of_lifetimes_is_kept,
            linking_again_keeps_the_last_known_lifetime, linking_again_without_any_refresh_token_keeps_no_lifetime,
            a_refresh_token_stays_where_its_issuer_moves,
        },
        grant_ends::{no_refresh_moves_it, a_consent_brings_its_own, it_stays_with_a_refresh_token_that_stays},
        keys::{
            an_unknown_key_opens_nothing, a_new_key_opens_its_link, a_further_key_opens_the_account,
            a_link_s_key_is_named_after_the_client, an_account_s_keys_come_in_pages, an_account_has_only_so_many,
            expired_keys_leave_room_for_others, keys_that_have_expired_go,
            a_key_needs_an_account_and_a_hash_of_its_own, many_at_once_stay_below_the_most,
            deleting_one_takes_its_links_along, only_an_account_s_own_keys_are_deleted, the_latest_use_is_noted,
            a_use_far_in_the_future_is_replaced, uses_noted_at_once_leave_the_latest,
            what_comes_from_a_key_goes_with_it_if_asked_to,
            a_key_that_is_gone_makes_none, a_key_that_is_deleted_at_once_leaves_nothing_behind,
        },
        reads::{
            a_key_opens_its_account, a_key_without_an_account_opens_its_link, what_stays_the_same_has_not_changed,
            what_becomes_of_tokens_is_noticed, a_deleted_key_is_noticed,
        },
        accounts::{an_unknown_account_is_none, lists_come_in_pages, others_are_those_alive_at_the_same_provider},
        deleting::{
            takes_keys_and_links_along, leaves_a_leased_revocation, what_has_changed_since_is_a_conflict,
            a_relink_that_holds_tokens_ends_first,
            a_refresh_under_way_does_not_keep_it, an_account_is_deleted_once,
            a_refresh_at_the_same_time_loses_no_tokens, a_person_who_links_again_has_a_new_account,
        },
        revocations::{
            there_are_none_at_first, strays_are_due_at_once, a_live_person_s_tokens_are_not_kept, the_longest_due_comes_first,
            busy_providers_are_left_alone, a_lease_keeps_others_away, a_failed_attempt_is_made_again,
            what_has_ended_holds_nothing, a_person_found_out_is_noted, an_unknown_person_may_be_any_unknown_one,
            linking_again_cancels, a_link_that_fails_cancels_nothing, nobody_gets_the_same_one_twice,
            lists_come_in_pages, what_ended_long_ago_is_forgotten,
        },
        audit::{
            entries_come_back_as_they_were_kept, an_entry_is_kept_once, they_are_chained_in_batches,
            many_at_once_make_one_chain, they_are_found_by_what_they_say,
            old_ones_are_deleted_and_the_rest_is_verified, one_that_is_dated_ahead_keeps_no_others, changes_of_keys_leave_entries,
            a_deleted_account_leaves_an_entry, one_that_is_dated_long_ago_takes_no_others,
            each_descendant_of_a_deleted_key_leaves_an_entry, results_of_refreshes_are_stored_with_their_entries,
        },
        seals::{
            an_empty_store_needs_no_key, every_value_needs_its_key, many_rows_may_share_a_few_keys,
            what_is_gone_needs_no_key, rows_say_what_they_are_sealed_to, one_other_value_is_enough,
            resealing_changes_nothing_else, what_has_changed_is_left_alone, what_has_gone_stays_gone,
            tokens_that_are_held_stay_as_they_were_resealed, a_callback_comes_before_or_after_resealing,
            refreshed_tokens_are_never_put_back, values_too_short_for_a_key_do_no_harm,
        },
        replicas::{
            they_say_who_they_are, they_are_seen_again, who_ends_is_forgotten, who_is_gone_is_forgotten,
        },
        workloads::{
            one_is_found_by_its_identity, one_that_has_expired_is_not_found, a_token_works_once,
            of_many_at_once_one_uses_a_token, expired_tokens_are_forgotten, an_account_s_workloads_come_and_go,
        },
        admin_sessions::{
            they_are_found_by_their_tokens, the_latest_use_stands, one_that_has_ended_stays_ended,
            unused_ones_are_forgotten,
        },
        announced_ends::{
            one_is_announced_once, another_end_is_announced_again, an_end_that_moves_a_little_is_the_same, each_kind_of_end_counts,
            what_is_given_up_or_gone_is_not_announced, an_expired_one_is_given_up_once,
        },
        webhooks::{
            a_new_one_starts_behind_the_last_entry, one_is_added_once_with_its_entry, it_comes_back_as_it_was_saved, of_two_replicas_one_claims_it,
        },
        write_tests::{a_store_that_works_passes, a_test_leaves_an_empty_store_empty, many_test_at_once},
        purging::{
            ended_links_go, with_their_inert_keys, time_ends_links_too, leased_and_redeemed_links_stay,
            no_more_than_asked_for, what_led_to_no_account_goes_sooner,
        },
    }
}
