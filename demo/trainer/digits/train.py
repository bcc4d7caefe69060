"""Train on scikit-learn's bundled digits, print the accuracy, save the model in the job's directory."""

import argparse
import json
from pathlib import Path

import joblib
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--job-dir", required=True)
    parser.add_argument("--n-estimators", type=int, default=100)
    given = parser.parse_args()

    images, labels = load_digits(return_X_y=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        images, labels, test_size=0.25, random_state=7
    )
    print(f"training on {len(seen)} digits with {given.n_estimators} trees")
    model = RandomForestClassifier(n_estimators=given.n_estimators, random_state=7).fit(seen, seen_labels)
    accuracy = model.score(unseen, unseen_labels)

    folder = Path(given.job_dir)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    print(
        json.dumps(
            {"severity": "INFO", "message": f"accuracy {accuracy:.3f}", "accuracy": round(accuracy, 3)}
        )
    )


if __name__ == "__main__":
    main()
