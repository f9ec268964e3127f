with

    users as (select * from staging.stg_mongodb__users),

    user_orders as (select * from intermediate.int_user_orders_aggregated),

    user_sessions as (select * from intermediate.int_user_sessions_aggregated),

    user_churn as (select * from intermediate.int_user_churn_estimated),

    observed_window as (select * from intermediate.int_window_observed),

    shop_means as (

        select
            avg(session_count) as mean_session_count,
            try_divide(sum(page_view_count), sum(session_count)) as mean_pages_per_session
        from user_sessions

    ),

    -- Each part is between 0 and 1, a half where the user is as the shop's mean, so the score is of 0 to 100.
    engagement as (

        select
            user_sessions.user_id,
            user_sessions.session_count,
            datediff(observed_window.last_at, user_sessions.last_session_at) as days_since_last_session,
            try_divide(user_sessions.page_view_count, user_sessions.session_count) as pages_per_session,
            try_divide(user_sessions.cart_session_count, user_sessions.session_count) as cart_rate,
            exp(
                - datediff(observed_window.last_at, user_sessions.last_session_at)
                / cast(30 as double)
            ) as recency_part,
            user_sessions.session_count / (user_sessions.session_count + shop_means.mean_session_count) as session_part,
            try_divide(
                try_divide(user_sessions.page_view_count, user_sessions.session_count),
                try_divide(user_sessions.page_view_count, user_sessions.session_count)
                + shop_means.mean_pages_per_session
            ) as depth_part
        from user_sessions
        cross join shop_means
        cross join observed_window

    ),

    scores as (

        select
            user_id,
            session_count,
            days_since_last_session,
            round(pages_per_session, 6) as pages_per_session,
            round(cart_rate, 6) as cart_rate,
            round(
                25 * (coalesce(recency_part, 0) + session_part + coalesce(depth_part, 0) + coalesce(cart_rate, 0)), 6
            ) as engagement_score
        from engagement

    ),

    joined as (

        select
            users.user_id,
            coalesce(user_orders.order_count, 0) as order_count,
            cast(coalesce(user_orders.revenue, 0) as decimal(12, 2)) as past_spend,
            cast(coalesce(user_orders.average_order_value, 0) as decimal(12, 2)) as average_order_value,
            coalesce(user_orders.order_count / observed_window.window_months, 0) as monthly_order_frequency,
            user_churn.churn,
            user_churn.expected_lifespan_months,
            coalesce(scores.session_count, 0) as session_count,
            scores.days_since_last_session,
            scores.pages_per_session,
            scores.cart_rate,
            coalesce(scores.engagement_score, 0) as engagement_score
        from users
        left join user_orders on users.user_id = user_orders.user_id
        left join user_churn on users.user_id = user_churn.user_id
        left join scores on users.user_id = scores.user_id
        left join observed_window on true

    ),

    valued as (

        select
            user_id,
            order_count,
            past_spend,
            average_order_value,
            round(monthly_order_frequency, 6) as monthly_order_frequency,
            round(churn, 6) as churn,
            round(expected_lifespan_months, 6) as expected_lifespan_months,
            cast(coalesce(average_order_value * monthly_order_frequency * expected_lifespan_months, 0) as decimal(12, 2))
            as purchase_value,
            session_count,
            days_since_last_session,
            pages_per_session,
            cart_rate,
            engagement_score,
            cast(engagement_score * 1.0 as decimal(12, 2)) as engagement_value,
            cast(purchase_value + engagement_value as decimal(12, 2)) as clv
        from joined

    )

select *
from valued
