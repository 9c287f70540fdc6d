"""What the serial port is told of an alarm: on its way, or stuck for want of a link. Both runtimes."""

from story import Story

from bellnode import cable, outbox


class Owner:
    def __init__(self, story):
        self.story = story

    def urgent(self):
        return outbox.urgent(self.story.node.outbox)


class Asked(cable.Talk):
    """Only what is asked here: the rest of a talk begins with a board's flash."""

    def __init__(self, ends):
        self._ends, self._owner = ends, ends.owner


def talk(story, node=None):
    """The port of a bell that is `story`, before the first byte. node: what it is told of, if not that."""
    watched = (lambda: story.node) if node is None else node
    # board to folder, node, feed and trouble, owner
    return Asked(cable.Ends(*([None] * 11 + [watched, None, ""] + [Owner(story)])))


def test_a_quiet_bell_has_no_alarm_linked_or_not():
    assert talk(Story())._alarm() is False
    assert talk(Story(link=False))._alarm() is False


def test_a_press_without_a_receipt_is_on_its_way_while_there_is_a_link():
    story = Story()
    story.press()
    assert talk(story)._alarm() is True
    story.receipt(1, "stored")
    assert talk(story)._alarm() is False, "it is with the gateway: the installer may go on"


def test_a_press_without_a_link_is_stuck_and_wifi_may_be_set_to_free_it():
    story = Story(link=False)
    story.press()
    assert talk(story)._alarm() == "stuck"
    story.give("linked")
    assert talk(story)._alarm() is True
    story.give("unlinked")
    assert talk(story)._alarm() == "stuck"


def test_a_bell_whose_node_is_gone_has_no_link():
    story = Story()
    story.press()
    assert talk(story, lambda: None)._alarm() == "stuck"
