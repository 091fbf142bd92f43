using System.CommandLine;
using System.Text.Json.Nodes;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Core.Configuration;
using Dtt.Core.Runs;
using Dtt.Data.Order;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt show RUN</c>: a run's state, checkpoints, events and configuration.</summary>
internal static class ShowCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var json = JsonOutput.Option();
        var command = new Command("show", "Show a run: state, checkpoints, events, configuration.") { run, json };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (grain, view) = await RunLookup.FindAsync(client, result.GetValue(run)!);
            var events = await grain.EventsAsync();
            var group = Path.Combine(Path.GetDirectoryName(view.Row.Folder)!, view.Request.Config.Name);
            var experiment = await client.Grains.Experiment(group).FindAsync();
            var goodput = GoodputOutput.Of((await grain.GoodputAsync())!);
            if (result.GetValue(json)) JsonOutput.Print(Json(view, events, goodput), JsonOutput.Records.RunDetailOutput);
            else Print(view, events, goodput, experiment);
        });
        return command;
    }

    private static RunDetailOutput Json(RunView view, IReadOnlyList<RunEvent> events, GoodputOutput goodput) => new(
        RunOutput.Of(view.Row),
        view.Request.Config.Name,
        view.Waiting,
        ConfigJson(view.Request.ConfigYaml),
        events.Select(EventOutput.Of),
        view.Record.Checkpoints.Select(c => CheckpointOutput.Of(view, c)),
        view.Placements.Select(PlacementOutput.Of),
        view.Record.Attempts.Select(AttemptOutput.Of),
        goodput,
        view.Record.LeftOut?.Select(LeftOutOutput.Of) ?? [],
        Drawn(view) is { Count: > 0 } drawn ? drawn : null);

    /// <summary>What the steps so far drew of each dataset of a mixture.</summary>
    private static IReadOnlyList<MixtureDraw> Drawn(RunView view) =>
        MixtureDraw.Of(view.Record, view.Row.Step, view.Request.Config.Model.ContextLength);

    private static string PlacementLine(Placement placement)
    {
        var (first, count) = (placement.FirstRank, placement.Devices.Count);
        var ranks = count == 1 ? $"rank {first}" : $"ranks {first} to {first + count - 1}";
        return $"{ranks}: node {placement.Node.Node}, {string.Join(", ", placement.Devices)}{(placement.End is null ? "" : ", ended")}";
    }

    /// <summary>The newest death, and what came of it.</summary>
    private static void PrintCause(RunAttempt attempt, CauseCard cause)
    {
        var o = Console.Out;
        o.WriteLine();
        o.WriteLine($"attempt {attempt.Attempt} died: {cause.How}");
        var where = new[]
        {
            cause.Node is { } node ? $"node {node}" : null,
            cause.Rank is { } rank ? $"rank {rank}" : null,
            cause.Phase is { } phase ? $"phase {phase.ToString().ToLowerInvariant()}" : null,
            cause.Step is { } step ? $"step {step:N0}" : null,
            cause.Collective > 0 ? $"collective {cause.Collective:N0}" : null,
        }.OfType<string>().ToList();
        if (where.Count > 0) o.WriteLine($"  where    {string.Join(", ", where)}");
        foreach (var line in cause.LastLines) o.WriteLine($"  printed  {line}");
        foreach (var line in cause.Stacks) o.WriteLine($"  stack    {line}");
        o.WriteLine($"  then     {(attempt.EndState == RunState.Failed ? "the run failed" : "it went on by itself")}");
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

    private static void Print(RunView view, IReadOnlyList<RunEvent> events, GoodputOutput goodput, ExperimentView? experiment)
    {
        var (o, record, row) = (Console.Out, view.Record, view.Row);
        var steps = record.TotalSteps == 0 ? $"step {row.Step:N0}" : $"step {row.Step:N0} of {record.TotalSteps:N0}";
        o.WriteLine($"{record.Run}: {RunsCommand.Word(row)}, {steps}, {row.Tokens:N0} tokens, {row.Attempts} attempt{(row.Attempts == 1 ? "" : "s")}");
        foreach (var draw in Drawn(view)) o.WriteLine($"drawn of {draw.Dataset}: {draw.InWords}");
        if (view.Waiting is { } reason) o.WriteLine($"waiting: {reason}");
        var measured = new[]
        {
            row.TrainLoss is { } train ? $"train loss {train:0.0000}" : null,
            row.ValLoss is { } val ? $"validation loss {val:0.0000}" : null,
            row.TokensPerSecond is { } rate ? $"{rate:N0} tok/s" : null,
        }.OfType<string>();
        o.WriteLine(string.Join(", ", measured.DefaultIfEmpty("nothing measured yet")));
        o.WriteLine(row.Folder);
        foreach (var line in view.Placements.Select(PlacementLine)) o.WriteLine(line);
        foreach (var line in goodput.Lines()) o.WriteLine(line);
        foreach (var leftOut in record.LeftOut ?? [])
            o.WriteLine($"left out: the windows of {leftOut.InWords}{(leftOut.Spike ? ", for a spike of the loss" : "")}");
        if (record.Attempts.LastOrDefault(a => a.Cause is not null) is { Cause: { } cause } died) PrintCause(died, cause);
        if (experiment is { Runs.Count: > 1 })
        {
            o.WriteLine($"experiment '{experiment.Name}' has {experiment.Runs.Count} runs; compared with the first:");
            foreach (var difference in ConfigDifference.Lines(experiment.BaseConfigYaml, view.Request.ConfigYaml).DefaultIfEmpty("the same configuration"))
                o.WriteLine("  " + difference);
        }

        o.WriteLine();
        o.WriteLine("checkpoints");
        foreach (var c in record.Checkpoints) o.WriteLine("  " + CheckpointsCommand.Line(view, c));
        o.WriteLine();
        o.WriteLine("events");
        EventsCommand.Print(events, "  ");
        o.WriteLine();
        o.WriteLine("configuration");
        foreach (var line in view.Request.ConfigYaml.TrimEnd().Split('\n')) o.WriteLine("  " + line);
    }
}
