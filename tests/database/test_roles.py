"""What each role may do, where the login may and may not make roles."""

import sqlalchemy


def test_an_engine_works_under_its_role(engine: sqlalchemy.Engine) -> None:
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select current_user").scalar_one() == "uysp_pipeline"
