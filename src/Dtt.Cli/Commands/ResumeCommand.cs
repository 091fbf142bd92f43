using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Runs;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Runs;
using Dtt.Data.Order;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt resume RUN</c> and <c>dtt attach RUN</c>: the next attempt of a run, and following one that is running.</summary>
internal static class ResumeCommand
{
    private const int ShortBacklog = 30;

    public static Command Resume()
    {
        var run = RunArguments.Run("The run to resume, from its last checkpoint.");
        var detach = new Option<bool>("--detach") { Description = "Return at once; the run goes on." };
        var ranks = new Option<int?>("--ranks") { Description = "Go on with so many ranks; the same windows per step, whatever their number." };
        ranks.Validators.Add(r => { if (r.GetValue(ranks) is < 1) r.AddError("--ranks takes a whole number at least 1."); });
        var set = new Option<string[]>("--set")
        {
            Description = $"Another length: {string.Join(", ", RunRequest.LengthKeys)}; where the learning rate does not depend on it.",
            HelpName = "KEY=VALUE",
        };
        var command = new Command("resume", "Resume a run that was stopped or failed, or make a complete one longer.") { run, detach, ranks, set };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (grain, view) = await RunLookup.FindAsync(client, result.GetValue(run)!);
            var length = Length(result.GetValue(set) ?? [], view.Request.ConfigYaml);
            if (view.Record is { State: RunState.Completed, TotalSteps: > 0 } && length.Count == 0)
            {
                var further = view.Request.Config.LearningRate.DependsOnLength
                    ? $"Its learning rate was planned for them; begin a new run from its weights: `dtt train --set init_from={view.Record.Run}`."
                    : $"`dtt resume {view.Record.Run} --set max_steps=N` makes it longer.";
                Console.Error.WriteLine($"run '{view.Record.Run}' is complete: all {view.Record.TotalSteps:N0} steps are done. {further}");
                return ExitCodes.Success;
            }

            if (length.Count > 0) RequireReachable(view, length);
            var active = view.Record.State.IsActive();
            if (active) Console.Error.WriteLine($"run '{view.Record.Run}' is {RunsCommand.Word(view.Row)} already; attaching.");
            try
            {
                await grain.ResumeAsync(RankEnvironment.OfThisProcess(), result.GetValue(ranks), length);
            }
            catch (UserErrorException) when (active && length.Count == 0)
            {
                // It may have come to its end since it was looked up; following it says so.
                if ((await grain.FindAsync())?.Record.State != RunState.Completed) throw;
            }

            return result.GetValue(detach) ? ExitCodes.Success : await new RunFollower(view.Row.Folder).FollowAsync(client, active ? ShortBacklog : 0);
        });
        return command;
    }

    /// <summary>The keys of a run's length that are set anew, checked as its configuration is.</summary>
    /// <exception cref="ConfigurationException">Another key, or a value that the key cannot have.</exception>
    private static Dictionary<string, long> Length(IReadOnlyList<string> settings, string configYaml)
    {
        var (reader, length) = (new ConfigReader(RunKeys.All).ReadText(configYaml, "config.yaml"), new Dictionary<string, long>());
        foreach (var set in settings)
        {
            var parts = set.Split('=', 2);
            var key = parts[0].Trim();
            if (parts.Length != 2) throw new ConfigurationException($"--set {set}: takes KEY=VALUE, such as --set max_steps=2000.");
            if (!RunRequest.LengthKeys.Contains(key))
            {
                throw new ConfigurationException($"--set {set}: a run that has begun keeps its configuration but for its length "
                    + $"({string.Join(", ", RunRequest.LengthKeys)}); for anything else begin a new one from its weights: dtt train --set init_from=RUN.");
            }

            if (key == "epochs" && RunConfig.From(reader.Values).EndsWithItsMixture)
                throw new ConfigurationException($"--set {set}: the run's mixture says how often each dataset is seen, and ends with that.");
            reader.SetFromCommandLine(key, parts[1], $"--set {key}");
            reader.ThrowIfWrong();
            length[key] = reader.Values.LongOrNull(key) ?? throw new ConfigurationException($"--set {set}: takes a whole number.");
        }

        return length;
    }

    /// <summary>Refuses a length that the run is past already, or that another key of its length keeps it from.</summary>
    /// <exception cref="UserErrorException">It is one, or the run's tokens are missing or others.</exception>
    private static void RequireReachable(RunView view, IReadOnlyDictionary<string, long> length)
    {
        var (record, request) = (view.Record, view.Request);
        if (request.TokensFolder.Length == 0 || record.State.IsActive()) return; // refused whatever the length
        var config = request.WithLength(length).Config;
        using var data = TrainingData.Open(
            request.TokensFolders, request.TokenizerFolder, config, record.GlobalBatchWindows, record.GlobalBatchWindows > 0 ? 1 : config.RanksPerNode);
        TokenIdentity.Require(record.TokenData, data.Identity, record.Run, request.TokensFolders);
        var bounds = StepPlan.Bounds(config, data.EpochWindows, data.Plan.GlobalBatchWindows)
            .OrderBy(b => b.Steps).ThenBy(b => !length.ContainsKey(b.Key)).ToList();
        var (least, wanted, done) = (bounds[0], bounds.First(b => length.ContainsKey(b.Key)), record.Latest?.Step ?? 0);
        if (least.Steps < done)
        {
            throw new ConfigurationException($"run '{record.Run}': {done:N0} steps are done already, and '{least.Key}: {least.Value}' allows {least.Steps:N0}; "
                + "a run cannot become shorter than what is done.");
        }

        if (least.Key == wanted.Key || RunRules.WhyNoOtherLength(record, request, length) is not null) return; // the latter is for the run to say
        if (least.Key == StepPlan.Mixture)
        {
            throw new ConfigurationException($"run '{record.Run}': --set {wanted.Key}={wanted.Value} asks for {wanted.Steps:N0} steps, but its "
                + $"mixture ends after {least.Value:N0} windows, which are {least.Steps:N0}. "
                + $"Begin a new one from its weights: dtt train --set init_from={record.Run}.");
        }

        throw new ConfigurationException($"run '{record.Run}': --set {wanted.Key}={wanted.Value} asks for {wanted.Steps:N0} steps, but "
            + $"'{least.Key}: {least.Value}' allows {least.Steps:N0}. Set it as well: --set {wanted.Key}={wanted.Value} --set {least.Key}=N.");
    }

    public static Command Attach()
    {
        var run = RunArguments.Run("The run.");
        var command = new Command("attach", "Follow a run, as `dtt train` does.") { run };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (_, view) = await RunLookup.FindAsync(client, result.GetValue(run)!);
            if (view.Record.State.IsActive()) return await new RunFollower(view.Row.Folder).FollowAsync(client, ShortBacklog);
            var step = view.Record.Latest?.Step ?? 0;
            Console.Error.WriteLine($"run '{view.Record.Run}' is not running: it is {RunsCommand.Word(view.Row)} after step {step:N0}.");
            return ExitCodes.Success;
        });
        return command;
    }
}
