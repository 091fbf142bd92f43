using System.CommandLine;
using System.Text.Json.Nodes;
using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt show RUN</c>: a run's state, checkpoints, events and configuration.</summary>
internal static class ShowCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var json = new Option<bool>("--json") { Description = "A JSON object." };
        var command = new Command("show", "Show a run: state, checkpoints, events, configuration.") { run, json };
        command.SetAction(result =>
        {
            var store = RunArguments.Store();
            var record = RunArguments.Find(store, result.GetValue(run)!);
            var summary = RunSummary.Of(record, store.ReadMetrics(record.Run));
            var events = store.ReadEvents(record.Run);
            var yaml = File.ReadAllText(Path.Combine(store.FolderOf(record.Run), "config.yaml"));
            if (result.GetValue(json)) Console.Out.WriteLine(Json(store, record, summary, events, yaml).ToJsonString(JsonOutput.Options));
            else Print(store, record, summary, events, yaml);
        });
        return command;
    }

    private static JsonObject Json(FileRunStore store, RunRecord record, RunSummary summary, IReadOnlyList<RunEvent> events, string yaml)
    {
        var json = summary.ToJson();
        json["config"] = ConfigJson(yaml);
        json["events"] = EventsCommand.Json(events);
        json["checkpoints"] = new JsonArray([.. record.Checkpoints.Select(c => new JsonObject
        {
            ["step"] = c.Step,
            ["attempt"] = c.Attempt,
            ["best"] = c == record.Best,
            ["pinned"] = c.Pinned,
            ["val_loss"] = c.ValLoss,
            ["bytes"] = c.SizeBytes,
            ["weights_sha256"] = c.WeightsSha256,
            ["path"] = Path.GetFullPath(Path.Combine(store.FolderOf(record.Run), "checkpoints", c.FolderName)),
        })]);
        return json;
    }

    private static JsonObject ConfigJson(string yaml)
    {
        var values = new ConfigReader(RunKeys.All).ReadText(yaml, "config.yaml").Values;
        var config = new JsonObject();
        foreach (var key in RunKeys.All.Where(k => k.LostMeaning is null))
        {
            var parent = config;
            var path = key.Name.Split('.');
            foreach (var part in path[..^1]) parent = (JsonObject)(parent[part] ??= new JsonObject());
            parent[path[^1]] = values.Json(key.Name);
        }

        return config;
    }

    private static void Print(FileRunStore store, RunRecord record, RunSummary summary, IReadOnlyList<RunEvent> events, string yaml)
    {
        var o = Console.Out;
        o.WriteLine($"{record.Run}: {summary.StateWord}, step {summary.Step:N0} of {record.TotalSteps:N0}, {summary.Tokens:N0} tokens, {summary.Attempts} attempt{(summary.Attempts == 1 ? "" : "s")}");
        o.WriteLine($"train loss {summary.TrainLoss:0.0000}, validation loss {summary.ValLoss:0.0000}, {summary.TokensPerSecond:N0} tok/s");
        o.WriteLine(Path.GetFullPath(store.FolderOf(record.Run)));
        o.WriteLine();
        o.WriteLine("checkpoints");
        foreach (var c in record.Checkpoints)
            o.WriteLine($"  step {c.Step,8:N0}  attempt {c.Attempt}  val {c.ValLoss?.ToString("0.0000") ?? "—",-7}  {c.SizeBytes / 1e6,8:N1} MB  {c.WeightsSha256[..12]}{(c == record.Best ? "  best" : "")}{(c.Pinned ? "  pinned" : "")}");
        o.WriteLine();
        o.WriteLine("events");
        EventsCommand.Print(events, "  ");
        o.WriteLine();
        o.WriteLine("configuration");
        foreach (var line in yaml.TrimEnd().Split('\n')) o.WriteLine("  " + line);
    }
}
